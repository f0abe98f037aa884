"""Real lines of each format that is read, with what they mean: docs/log-discovery.md shows them, tests read them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

W3C_IIS = (
    "#Software: Microsoft Internet Information Services 7.5\n#Version: 1.0\n#Date: 2013-06-24 10:56:45\n"
    "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status "
    "sc-substatus sc-win32-status time-taken\n"
)
W3C_CLOUDFRONT = (
    "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status "
    "cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol "
    "cs-bytes time-taken\n"
)


@dataclass(frozen=True)
class Real:
    """A line and what it says."""

    name: str
    """Of the format."""
    line: str
    time: str
    """UTC."""
    status: str = ""
    path: str = ""
    method: str = ""
    key: str = "all"
    """Of the series that `--metric` makes of it."""
    ms: float | None = None
    level: str = ""
    address: str = ""
    agent: str = ""
    referrer: str = ""
    bytes: int | None = None
    error: bool = False
    before: str = ""
    """What stands above it in the file."""
    told: str = "status >= 500"
    """Part of how errors are told; '' if they cannot be."""
    access: bool = True
    """Whether it is an access log."""

    @property
    def seconds(self) -> float:
        """The time since 1970."""
        return datetime.fromisoformat(self.time).replace(tzinfo=UTC).timestamp()


ACCESS = (
    Real(
        "Apache, common",
        '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326',
        "2000-10-10T20:55:36",
        "200",
        "/apache_pb.gif",
        "GET",
        "/apache_pb.gif",
        address="127.0.0.1",
        bytes=2326,
    ),
    Real(
        "nginx, combined with $request_time",
        '203.0.113.7 - - [06/Jan/2025:00:00:01 +0000] "GET /a?x=1 HTTP/1.1" 503 12 "https://r.example/" '
        '"curl/8.5.0" 0.123',
        "2025-01-06T00:00:01",
        "503",
        "/a",
        "GET",
        "/a",
        123.0,
        address="203.0.113.7",
        agent="curl/8.5.0",
        referrer="https://r.example/",
        bytes=12,
        error=True,
    ),
    Real(
        "Apache, vhost_combined",
        'www.example.com:443 10.0.0.1 - - [06/Jan/2025:00:00:01 +0000] "GET /a HTTP/1.1" 200 12 "-" "curl/8.5.0"',
        "2025-01-06T00:00:01",
        "200",
        "/a",
        "GET",
        "www.example.com",
        address="10.0.0.1",
        agent="curl/8.5.0",
        bytes=12,
    ),
    Real(
        "nginx behind proxies, several addresses",
        '192.0.2.1, 192.0.2.9 - - [06/Jan/2025:00:00:01 +0000] "POST /b HTTP/1.1" 502 0 "-" "-" "192.0.2.1" rt=1.250',
        "2025-01-06T00:00:01",
        "502",
        "/b",
        "POST",
        "/b",
        1250.0,
        address="192.0.2.1",
        bytes=0,
        error=True,
    ),
    Real(
        "nginx, JSON",
        '{"time_iso8601":"2025-01-06T00:00:01+00:00","remote_addr":"203.0.113.7","request_method":"GET",'
        '"request_uri":"/cart?x=1","status":"200","body_bytes_sent":"512","request_time":"0.097",'
        '"http_host":"shop.example","http_user_agent":"curl/8.5.0","http_referer":""}',
        "2025-01-06T00:00:01",
        "200",
        "/cart",
        "GET",
        "shop.example",
        97.0,
        address="203.0.113.7",
        agent="curl/8.5.0",
        bytes=512,
    ),
    Real(
        "Caddy, JSON",
        '{"level":"error","ts":1646861401.5241024,"logger":"http.log.access","msg":"handled request","request":'
        '{"remote_ip":"127.0.0.1","remote_port":"41342","client_ip":"127.0.0.1","proto":"HTTP/2.0","method":"GET",'
        '"host":"localhost:8080","uri":"/","headers":{"User-Agent":["curl/7.82.0"],"Accept":["*/*"]}},"bytes_read":0,'
        '"user_id":"","duration":0.000929675,"size":10900,"status":500,"resp_headers":{"Server":["Caddy"]}}',
        "2022-03-09T21:30:01.5241024",
        "500",
        "/",
        "GET",
        "localhost",
        0.929675,
        "error",
        "127.0.0.1",
        "curl/7.82.0",
        bytes=10900,
        error=True,
    ),
    Real(
        "Traefik, common log format",
        '80.100.131.21 - - [28/Jan/2020:20:20:25 +0000] "GET / HTTP/1.1" 200 8297 "-" "Statping" 165 '
        '"Host-example-org-7" "http://172.17.0.3:80" 28ms',
        "2020-01-28T20:20:25",
        "200",
        "/",
        "GET",
        "Host-example-org-7",
        28.0,
        address="80.100.131.21",
        agent="Statping",
        bytes=8297,
    ),
    Real(
        "Traefik, JSON",
        '{"ClientAddr":"192.0.2.9:63251","ClientHost":"192.0.2.9","DownstreamContentSize":185,"DownstreamStatus":502,'
        '"Duration":8764859,"OriginDuration":8147549,"OriginStatus":502,"RequestHost":"sub.example.com",'
        '"RequestMethod":"GET","RequestPath":"/pebble","RouterName":"https-ns@docker","ServiceName":"ns-ns@docker",'
        '"StartUTC":"2024-12-29T11:42:41.965891254Z","level":"info","msg":"","time":"2024-12-29T12:42:41+01:00"}',
        "2024-12-29T11:42:41",
        "502",
        "/pebble",
        "GET",
        "ns-ns@docker",
        8.764859,
        "info",
        "192.0.2.9",
        bytes=185,
        error=True,
    ),
    Real(
        "IIS, W3C",
        "2013-06-24 10:56:45 192.168.0.1 POST /xas/ - 80 - 222.222.222.222 "
        "Mozilla/5.0+(Windows+NT+6.1;+WOW64) 404 0 2 471",
        "2013-06-24T10:56:45",
        "404",
        "/xas/",
        "POST",
        "/xas/",
        471.0,
        address="222.222.222.222",
        agent="Mozilla/5.0 (Windows NT 6.1; WOW64)",
        before=W3C_IIS,
    ),
    Real(
        "CloudFront, W3C",
        "2015-08-25\t00:20:40\tMIA50\t700\t192.0.2.52\tGET\td3n18mvc4wxsim.cloudfront.net\t/a.jpg\t504\t-\t"
        "Mozilla/5.0%20(iPhone)\t-\t-\tMiss\t9fSyxPBMgh0D7BFVPg1snTTm1Agq==\tshop.example\thttp\t228\t0.086",
        "2015-08-25T00:20:40",
        "504",
        "/a.jpg",
        "GET",
        "d3n18mvc4wxsim.cloudfront.net",
        86.0,
        address="192.0.2.52",
        agent="Mozilla/5.0 (iPhone)",
        bytes=700,
        error=True,
        before=W3C_CLOUDFRONT,
    ),
    Real(
        "AWS ALB",
        "http 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.000 "
        '0.001 0.000 200 200 34 366 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.46.0" - - '
        "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "
        '"Root=1-58337262-36d228ad5d99923122bbe354" "-" "-" 0 2018-07-02T22:22:48.364000Z "forward" "-" "-" '
        '"10.0.0.1:80" "200" "-" "-"',
        "2018-07-02T22:23:00.186641",
        "200",
        "/",
        "GET",
        "www.example.com",
        1.0,
        address="192.168.131.39",
        agent="curl/7.46.0",
        bytes=366,
    ),
    Real(
        "HAProxy, HTTP",
        "Feb  6 12:14:14 localhost haproxy[14389]: 10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 "
        '10/0/30/69/109 503 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} "GET /index.html HTTP/1.1"',
        "2009-02-06T12:14:14.655",
        "503",
        "/index.html",
        "GET",
        "static",
        109.0,
        address="10.0.1.2",
        bytes=2750,
        error=True,
    ),
    Real(
        "Envoy",
        '[2016-04-15T20:17:00.310Z] "POST /api/v1/locations HTTP/2" 504 - 154 0 226 100 "10.0.35.28" "nsq2http" '
        '"cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "locations" "tcp://10.0.2.1:80"',
        "2016-04-15T20:17:00.310",
        "504",
        "/api/v1/locations",
        "POST",
        "locations",
        226.0,
        address="10.0.35.28",
        agent="nsq2http",
        bytes=0,
        error=True,
    ),
    Real(
        "Kubernetes ingress-nginx",
        '10.1.2.3 - - [06/Jan/2025:00:00:01 +0000] "GET /a HTTP/1.1" 200 612 "-" "curl/8.5.0" 443 0.011 '
        "[default-web-80] [] 10.244.0.9:8080 612 0.010 200 7f3c",
        "2025-01-06T00:00:01",
        "200",
        "/a",
        "GET",
        "default-web-80",
        11.0,
        address="10.1.2.3",
        agent="curl/8.5.0",
        bytes=612,
    ),
    Real(
        "AWS S3",
        "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be my-bucket [06/Feb/2019:00:00:38 +0000] "
        "192.0.2.3 79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be 3E57427F3EXAMPLE "
        'REST.GET.VERSIONING - "GET /my-bucket?versioning HTTP/1.1" 200 - 113 - 7 - "-" "S3Console/0.4" - x SigV4 y',
        "2019-02-06T00:00:38",
        "200",
        "/my-bucket",
        "GET",
        "my-bucket",
        7.0,
        address="192.0.2.3",
        agent="S3Console/0.4",
        bytes=113,
    ),
    Real(
        "Squid",
        "1286536309.586    921 192.168.0.68 TCP_MISS/200 507 POST http://rs.example/x - DIRECT/192.0.2.4 text/html",
        "2010-10-08T11:11:49.586",
        "200",
        "/x",
        "POST",
        "/x",
        921.0,
        address="192.168.0.68",
        bytes=507,
    ),
    Real(
        "Google Cloud load balancer, JSON",
        '{"httpRequest":{"requestMethod":"GET","requestUrl":"https://shop.example/a?b=1","status":502,"responseSize":"488",'
        '"userAgent":"curl/8.5.0","remoteIp":"192.0.2.7","latency":"0.021548s"},"severity":"WARNING",'
        '"timestamp":"2025-01-06T00:00:01.250Z"}',
        "2025-01-06T00:00:01.250",
        "502",
        "/a",
        "GET",
        "/a",
        21.548,
        "WARNING",
        "192.0.2.7",
        "curl/8.5.0",
        bytes=488,
        error=True,
    ),
    Real(
        "Cloudflare Logpush, JSON",
        '{"ClientIP":"192.0.2.1","ClientRequestHost":"shop.example","ClientRequestMethod":"GET","ClientRequestURI":"/a?b=1",'
        '"EdgeResponseBytes":1024,"EdgeResponseStatus":522,"EdgeStartTimestamp":"2025-01-06T00:00:01Z",'
        '"ClientRequestUserAgent":"curl/8.5.0","OriginResponseTime":38000000}',
        "2025-01-06T00:00:01",
        "522",
        "/a",
        "GET",
        "shop.example",
        38.0,
        address="192.0.2.1",
        agent="curl/8.5.0",
        bytes=1024,
        error=True,
    ),
)
"""Access logs."""

APPLICATIONS = (
    Real(
        "pino, JSON",
        '{"level":50,"time":1736121601250,"pid":7,"hostname":"web-1","req":{"method":"GET","url":"/a?b=1"},'
        '"res":{"statusCode":500},"responseTime":0.45,"msg":"request errored"}',
        "2025-01-06T00:00:01.250",
        "500",
        "/a",
        "GET",
        "web-1",
        0.45,
        "50",
        error=True,
        told="level 50 and more (as pino, bunyan counts) (level)",
    ),
    Real(
        "Spring Boot, logback JSON",
        '{"@timestamp":"2025-01-06T00:00:01.250+01:00","@version":"1","message":"boom","logger_name":"com.example.A",'
        '"thread_name":"main","level":"ERROR","level_value":40000}',
        "2025-01-05T23:00:01.250",
        level="ERROR",
        error=True,
        told="level ERROR",
    ),
    Real(
        "Elastic Common Schema, JSON",
        '{"@timestamp":"2025-01-06T00:00:01.250Z","log.level":"fatal","message":"boom","service.name":"api",'
        '"http":{"response":{"status_code":500}},"url":{"path":"/a"},"event":{"duration":12000000}}',
        "2025-01-06T00:00:01.250",
        "500",
        "/a",
        key="api",
        ms=12.0,
        level="fatal",
        error=True,
    ),
    Real(
        "lograge, JSON",
        '{"method":"GET","path":"/jobs/833552.json","format":"json","controller":"JobsController","action":"show",'
        '"status":500,"duration":0.83,"view":0.4,"db":0.1,"@timestamp":"2025-01-06T00:00:01.250Z"}',
        "2025-01-06T00:00:01.250",
        "500",
        "/jobs/833552.json",
        "GET",
        "/jobs/{id}.json",
        0.83,
        error=True,
    ),
    Real(
        "Serilog, compact JSON",
        '{"@t":"2025-01-06T00:00:01.2500000Z","@mt":"HTTP {RequestMethod} {RequestPath}","@l":"Error",'
        '"RequestMethod":"GET","RequestPath":"/a","StatusCode":500,"Elapsed":34.5}',
        "2025-01-06T00:00:01.250",
        "500",
        "/a",
        "GET",
        "/a",
        34.5,
        "Error",
        error=True,
    ),
    Real(
        "zap, JSON",
        '{"level":"dpanic","ts":1736121601.25,"caller":"a/b.go:7","msg":"boom","service":"api"}',
        "2025-01-06T00:00:01.250",
        key="api",
        level="dpanic",
        error=True,
        told="level ERROR",
    ),
    Real(
        "Monolog, JSON",
        '{"message":"boom","context":{},"level":500,"level_name":"CRITICAL","channel":"app",'
        '"datetime":"2025-01-06T00:00:01.250000+00:00","extra":{}}',
        "2025-01-06T00:00:01.250",
        level="500",
        error=True,
        told="level 400 and more (as Monolog counts) (level)",
    ),
    Real(
        "syslog, RFC 5424",
        "<131>1 2025-01-06T00:00:01.250Z web-1 api 812 ID47 - boom",
        "2025-01-06T00:00:01.250",
        key="api",
        level="3",
        error=True,
        told="level 0 to 3 (as syslog counts) (syslog_severity)",
    ),
    Real(
        "Kubernetes (CRI), JSON inside",
        '2025-01-06T00:00:02.000000000Z stdout F {"time":"2025-01-06T00:00:01.25Z","level":"ERROR","msg":"boom"}',
        "2025-01-06T00:00:01.250",
        level="ERROR",
        error=True,
        told="level ERROR",
    ),
    Real(
        "Docker, combined inside",
        r'{"log":"10.0.0.1 - - [06/Jan/2025:00:00:01 +0000] \"GET /a HTTP/1.1\" 500 12 \"-\" \"curl/8.5.0\"\n",'
        '"stream":"stdout","time":"2025-01-06T00:00:02.000000000Z"}',
        "2025-01-06T00:00:01",
        "500",
        "/a",
        "GET",
        "/a",
        address="10.0.0.1",
        agent="curl/8.5.0",
        bytes=12,
        error=True,
    ),
    Real(
        "logfmt",
        'time=2025-01-06T00:00:01.250Z level=error msg="it broke" service=api status=500 duration=12.5ms path="/a b"',
        "2025-01-06T00:00:01.250",
        "500",
        "/a b",
        key="api",
        ms=12.5,
        level="error",
        error=True,
    ),
    Real(
        "Heroku router",
        '2025-01-06T00:00:01.250000+00:00 heroku[router]: at=info method=GET path="/a?b=1" host=shop.example '
        'request_id=x fwd="192.0.2.1" dyno=web.1 connect=0ms service=12ms status=503 bytes=1244 protocol=https',
        "2025-01-06T00:00:01.250",
        "503",
        "/a",
        "GET",
        "heroku",
        bytes=1244,
        error=True,
    ),
    Real(
        "log4j, logback, Spring Boot, text",
        "2025-01-06 00:00:01,250 SEVERE [main] com.example.A - boom",
        "2025-01-06T00:00:01.250",
        level="SEVERE",
        error=True,
        told="level ERROR",
    ),
    Real(
        "Python, text",
        "2025-01-06 00:00:01,250 - app.views - CRITICAL - boom",
        "2025-01-06T00:00:01.250",
        level="CRITICAL",
        error=True,
        told="level ERROR",
    ),
    Real(
        "Ruby's Logger, Rails",
        "F, [2025-01-06T00:00:01.250000 #812] FATAL -- : boom",
        "2025-01-06T00:00:01.250",
        level="FATAL",
        error=True,
        told="level ERROR",
    ),
    Real(
        "PostgreSQL",
        '2025-01-06 00:00:01.250 UTC [812] PANIC:  could not write to file "pg_wal/x"',
        "2025-01-06T00:00:01.250",
        level="PANIC",
        error=True,
        told="level ERROR",
    ),
    Real(
        "nginx, error log",
        "2025/01/06 00:00:01 [emerg] 812#0: bind() to 0.0.0.0:80 failed",
        "2025-01-06T00:00:01",
        level="emerg",
        error=True,
        told="level ERROR",
    ),
    Real(
        "Apache, error log",
        "[Mon Jan 06 00:00:01.250000 2025] [core:crit] [pid 12] AH00037: no",
        "2025-01-06T00:00:01.250",
        level="crit",
        error=True,
        told="level ERROR",
    ),
    Real(
        "a raw line in JSON (Filebeat, Vector, Fluent Bit)",
        '{"@timestamp":"2025-01-06T00:00:09Z","message":"10.0.0.1 - - [06/Jan/2025:00:00:01 +0000] '
        r'\"GET /a HTTP/1.1\" 500 12 \"-\" \"-\"","host":"web-1"}',
        "2025-01-06T00:00:01",
        "500",
        "/a",
        "GET",
        "web-1",
        address="10.0.0.1",
        bytes=12,
        error=True,
    ),
    Real(
        "text of ./sl.py logs",
        "[2026-08-31T00:00:00.425414] [CRITICAL] [infrastructure/docker] [b94f8b72] Service docker is not responding "
        "(2219.68ms) [503] [ANOMALY:service_outage:0.61]",
        "2026-08-31T00:00:00.425414",
        "503",
        key="docker",
        ms=2219.68,
        level="CRITICAL",
        error=True,
    ),
)
"""Logs of applications."""
