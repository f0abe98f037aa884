"use strict";

// Swagger UI on the endpoints of this server. The token that /ui was told, where there is one, goes with what is tried.
window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#endpoints",
  validatorUrl: null,
  tryItOutEnabled: true,
  requestInterceptor: (request) => {
    const token = sessionStorage.getItem("token");
    if (token && !request.headers.Authorization) request.headers.Authorization = "Bearer " + token;
    return request;
  },
});
