"""The texts of the lines.

At most two gaps in a message: `{3-20}` is a number, `{service}` a word, `{ms}` the line's response time.
A message that begins with an HTTP status gives the line that status.
"""

from __future__ import annotations

METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD")

ENDPOINTS = (
    "/api/v1/auth/login",
    "/api/v1/auth/logout",
    "/api/v1/auth/refresh",
    "/api/v1/users",
    "/api/v1/users/profile",
    "/api/v1/users/settings",
    "/api/v1/orders",
    "/api/v1/orders/history",
    "/api/v1/payments",
    "/api/v1/payments/refund",
    "/api/v1/products",
    "/api/v1/products/search",
    "/api/v1/inventory",
    "/api/v1/cart",
    "/api/v1/reports/daily",
    "/health",
    "/admin/users",
    "/admin/settings",
    "/.env",
    "/api/v1/products/search?q=%27%20OR%201%3D1--",
    "/api/v1/users?id=1%20UNION%20SELECT%20null",
    "/api/v1/products/search?q=%3Cscript%3Ealert(1)%3C/script%3E",
    "/api/v1/users/profile?name=%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E",
    "/api/v1/orders/%ZZ",
    "/api/v1/users/undefined",
)
USUAL_ENDPOINTS = 16
LOGIN = (0,)
ADMIN = (16, 17, 18)
INJECTIONS = (19, 20)
SCRIPTS = (21, 22)
MALFORMED = (23, 24)

ERRORS = (
    "ERR_INTERNAL",
    "ERR_TIMEOUT",
    "ERR_DB_CONNECTION",
    "ERR_SERVICE_UNAVAILABLE",
    "ERR_AUTH_FAILED",
    "ERR_FORBIDDEN",
    "ERR_VALIDATION",
    "ERR_RESOURCE_EXHAUSTED",
    "ERR_RATE_LIMIT",
)

AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148",
    "curl/8.10.1",
    "python-requests/2.32.3",
    "kube-probe/1.31",
)
REFERRERS = ("-", "https://www.example.com/", "https://shop.example.com/cart", "https://search.example.net/?q=shop")

WORDS = {
    "user": ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "mallory", "trent"),
    "account": ("admin", "root", "test", "oracle", "backup", "deploy", "guest", "postgres"),
    "table": ("users", "orders", "payments", "sessions", "inventory", "products"),
    "host": ("node-01", "node-02", "node-03", "node-04", "node-05", "node-06"),
    "field": ("user_id", "created_at", "amount", "email", "currency", "order_id", "quantity"),
    "job": ("report-daily", "cleanup-sessions", "sync-inventory", "reindex-products"),
}

MESSAGES: dict[str, tuple[str, ...]] = {
    "web DEBUG": (
        "Connection kept alive for {5-75} s",
        "Upstream {service} answered in {ms} ms",
        "Cache lookup took {1-9} ms",
    ),
    "web INFO": (
        "Request completed in {ms} ms, {200-29999} bytes",
        "Served from cache, {200-29999} bytes",
        "TLS session resumed for client {1-9999}",
        "Proxied to {service} in {ms} ms",
    ),
    "web WARNING": (
        "Upstream {service} answered on try {2-3}",
        "Client closed the connection after {200-29999} bytes",
        "Rate limit nearly reached: {80-99} % of {1000-9000} requests",
    ),
    "web ERROR": (
        "502 Bad Gateway - upstream {service} unavailable",
        "504 Gateway Timeout - upstream {service} did not answer in time",
        "500 Internal Server Error - worker {1-64} failed",
    ),
    "web CRITICAL": (
        "Worker process {1000-29999} exited on signal {6-11}",
        "No healthy upstream left for {service}",
    ),
    "application DEBUG": (
        "Query on {table} returned {0-500} rows",
        "Feature flags loaded in {1-40} ms",
        "Cache miss for session {1-29999}",
    ),
    "application INFO": (
        "Session of {user} opened",
        "Message {1-29999} taken from the queue of {service}",
        "Record {1-29999} stored in {table}",
        "Job {job} queued as {1-29999}",
        "Request to {service} completed in {ms} ms",
    ),
    "application WARNING": (
        "Retry {1-3} of a call to {service}",
        "Query on {table} took {ms} ms, more than planned",
        "Request of {user} rejected: {field} is missing",
    ),
    "application ERROR": (
        "Call to {service} failed after {1-5} attempts",
        "Record {1-29999} could not be stored in {table}",
        "Unhandled exception in the handler of {table}",
    ),
    "application CRITICAL": (
        "Connection pool of {table} is exhausted, {5-90} requests wait",
        "Circuit to {service} opened after {5-50} failures",
    ),
    "database DEBUG": (
        "Plan of the query on {table} costs {10-9999}",
        "Vacuum of {table} removed {0-9999} rows",
    ),
    "database INFO": (
        "Query on {table} took {ms} ms",
        "Checkpoint complete: {10-900} buffers, {1-9} files",
        "Connection authorised for user {user}",
    ),
    "database WARNING": (
        "Query on {table} took {ms} ms without an index",
        "Replica lags by {2-30} s",
        "{70-89} % of {100-500} connections in use",
    ),
    "database ERROR": (
        "Deadlock on {table} after {ms} ms",
        "Statement on {table} cancelled: it waited for a lock",
        "Duplicate key in {table}: {1-29999}",
    ),
    "database CRITICAL": ("Replica {host} does not answer", "Write-ahead log of {host} cannot be written"),
    "infrastructure DEBUG": ("Probe of {service} took {ms} ms", "Scraped {10-900} series from {host}"),
    "infrastructure INFO": (
        "Scaled {service} to {2-12} replicas",
        "Image of {service} pulled, {20-900} MB",
        "Health check of {service} passed in {ms} ms",
        "Node {host} reports {10-69} % CPU",
    ),
    "infrastructure WARNING": (
        "Node {host} reports {75-89} % memory",
        "Probe of {service} answered on try {2-3}",
        "Restart {1-4} of a container of {service}",
    ),
    "infrastructure ERROR": (
        "Probe of {service} failed {2-5} times",
        "Container of {service} was killed: out of memory at {256-4096} MiB",
        "Volume on {host} is {91-97} % full",
    ),
    "infrastructure CRITICAL": ("Node {host} is not ready", "Disk of {host} fails its self-test"),
    "slow": ("Slow response detected: {ms} ms",),
    "timeout": ("Request timeout after {ms} ms",),
    "brute_force": (
        "Failed login for {account}: attempt {3-400}",
        "Too many failed logins from one address: {20-900}",
        "Account {account} locked after {5-20} failed logins",
    ),
    "sql_injection": (
        "Request blocked: SQL in parameter {field}",
        "Suspicious UNION SELECT in a query on {table}",
        "Rule {1000-9999} matched: SQL injection in {field}",
    ),
    "xss_attempt": (
        "Request blocked: script in parameter {field}",
        "Rule {1000-9999} matched: cross-site scripting in {field}",
    ),
    "unauthorized_access": (
        "Access to an administration page denied for {account}",
        "Token {1-29999} lacks the scope for {table}",
        "Unauthorized access to {table} by {account}",
    ),
    "memory": ("Memory usage at {70-99} %", "Garbage collection took {10-900} ms at {70-99} % memory"),
    "cpu": ("CPU usage at {70-99} %", "Run queue of {20-200} at {70-99} % CPU"),
    "disk": ("Disk usage at {70-99} %", "Write took {ms} ms on a disk that is {70-99} % full"),
    "connections": ("Connection pool at {70-99} %", "{20-400} requests wait for a connection, pool at {70-99} %"),
    "down": (
        "Service {service} is not responding",
        "Connection refused to {service}",
        "Health check failed for {service}",
        "Circuit breaker opened for {service}",
    ),
    "flapping": (
        "Intermittent failures connecting to {service}",
        "Retry {1-5} for {service}",
        "Partial response from {service}",
    ),
    "null_values": ("Unexpected null value in field: {field}", "Required field missing: {field}"),
    "out_of_range": ("Value out of expected range: {field}=-{1-9999}", "Quantity exceeds maximum: {10000-29998}"),
    "format_error": ("Malformed value in field: {field}", "Malformed JSON in request body at byte {1-4096}"),
}


def family(source: str) -> str:
    """Which messages a source writes, by its name; those of an application where it does not say."""
    known = {"web": "web", "proxy": "web", "data": "database", "db": "database", "infra": "infrastructure"}
    return next((found for part, found in known.items() if part in source.lower()), "application")
