"""What private data looks like, and the few fields that are none: read by the Collector's config and by the helpers.

Patterns are RE2 without "$", which the Collector would expand, and mean the same to Python's `re` with re.ASCII. A
number that only looks private is masked by the Collector, since RE2 cannot work out a check digit; the helpers can.
"""

from __future__ import annotations

MASK = "****"

# What OpenTelemetry's own libraries say of a process, a route and an error; nothing that a caller typed in.
# exception.message is left out on purpose: it often quotes the input.
CONVENTIONS = (
    "telemetry.sdk.language",
    "telemetry.sdk.name",
    "telemetry.sdk.version",
    "host.name",
    "os.type",
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "exception.type",
    "exception.stacktrace",
)

CARD, EMAIL, SECRET, BASIC = "card", "email", "secret", "basic"
IBANS = ("iban in capitals", "iban of digits")

# Name -> what is masked wherever it stands in a value that may leave.
PATTERNS: dict[str, str] = {
    # in PEM, before anything takes a part of them
    "private key": (
        r"-----BEGIN [A-Z ]*PRIVATE KEY( BLOCK)?-----([^-]|-[^-])*(-----END [A-Z ]*PRIVATE KEY( BLOCK)?-----)?"
    ),
    # name and password in a URL
    "url": r"://[^\s/:@]+:[^\s/@]+@",
    # what follows "Bearer" or "Basic"
    BASIC: r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}",
    "json web token": r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]+)?",
    # keys that say what they are: AWS, GitHub, GitLab, Google, Slack, Stripe, Hugging Face, npm, PyPI, OpenAI, SendGrid
    "key": (
        r"\b(AKIA|ASIA|AIza|ya29\.|SG\.[A-Za-z0-9_-]{10,}\.|gh[opsu]_|github_pat_|glpat-|hf_|npm_|pypi-AgE|xox[a-z]-"
        r"|xapp-|[prs]k[_-])[A-Za-z0-9_-]{10,}"
    ),
    # password=, "api_key": and their like, in JSON within JSON too
    SECRET: (
        r"(?i)(passw(or)?d|pwd|passphrase|secret|token|credentials?|(api|access|account|private|secret)[_-]?key"
        r"|session[_-]?id|authorization|amz-signature)[\\\"']*\s*[:=]\s*[\\\"']*[^\s\\\"',;&]+"
    ),
    # in URLs too
    EMAIL: r"[^\s@<>\"'(),;:/?&=]+(@|%40)[^\s@<>\"'(),;:/?&=]+\.[^\s\d@<>\"'(),;:/?&=.][^\s@<>\"'(),;:/?&=.]+",
    IBANS[0]: r"\b[A-Z]{2}\d{2}([ ]?[A-Z0-9]{4}){2,7}([ ]?[A-Z0-9]{1,4})?\b",
    # of digits after the bank
    IBANS[1]: r"(?i)\b[a-z]{2}\d{2}[ ]?([a-z]{4}[ ]?)?\d{2,4}([ ]?\d{4}){2,6}([ ]?\d{1,3})?\b",
    # payment cards of 13 to 19 digits, by the first digits of all issuers; not the digits of a fraction
    CARD: r"(^|[^0-9.])([3-6]\d|2[2-7])([\s-]?\d){11,17}\b",
    # telephone numbers with a country's code, and with an area's; not the digits of a fraction
    "phone abroad": r"(\+|(^|[^0-9.])00)[1-9]\d{0,2}([\s()./-]*\d){6,12}\b",
    "phone with (area)": r"\(0?\d{2,5}\)[\s/-]?\d{3,5}[\s-]?\d{2,5}\b",
    "phone with area": r"\b0\d{2,4}[\s/-]\d{3,4}[\s-]?\d{2,5}\b",
    "phone in threes": r"\b\d{3}([\s.-]\d{3}[\s.-]|-\d{4}-)\d{4}\b",
    "phone in fours": r"\b0\d[\s-]\d{4}[\s-]\d{4}\b",
    "phone in pairs": r"\b0\d([\s.-]\d{2}){4}\b",
}

BLOCKED = tuple(PATTERNS.values())
