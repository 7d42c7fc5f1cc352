"""Every diagnostic code, once. Each has a page of the same name in docs/diagnostics/."""

from __future__ import annotations

UNREADABLE = "MW001"
ENCODING = "MW002"
SYNTAX = "MW003"
DOCUMENTS = "MW004"
EMPTY = "MW005"
DUPLICATE_KEY = "MW006"
KEY_NOT_TEXT = "MW007"
AMBIGUOUS = "MW008"
NUMBER = "MW009"
ALIAS = "MW010"
TAG = "MW011"
UNKNOWN_FIELD = "MW012"
MISSING_FIELD = "MW013"
WRONG_TYPE = "MW014"
NOT_ONE_OF = "MW015"
DURATION = "MW016"
OUT_OF_BOUNDS = "MW017"
MALFORMED = "MW018"
DUPLICATE_ITEM = "MW019"
FOLDER = "MW020"
DUPLICATE_MODEL = "MW021"
RESERVED = "MW022"
OBJECTIVE = "MW023"
SILENT_SLO = "MW024"
RETENTION = "MW025"
NO_BUCKET = "MW026"
UNKNOWN_RECEIVER = "MW027"
UNKNOWN_TEAM = "MW028"
UNKNOWN_ENVIRONMENT = "MW029"
NOT_IN_BASELINE = "MW030"
NO_BASELINE = "MW031"
BAD_BASELINE = "MW032"
DRIFT_ORDER = "MW033"
RANGE_ORDER = "MW034"
NOT_FOR_FEATURE = "MW035"
NOT_FOR_TASK = "MW036"
POSITIVE_CLASS = "MW037"
NOT_FOR_MODE = "MW038"
TARGET = "MW039"
INTERVALS = "MW040"
SECRET = "MW041"  # noqa: S105 -- the code of the check, not a secret
WINDOW_ORDER = "MW042"
FEW_SAMPLES = "MW043"
UNUSED_RECEIVER = "MW044"
NOT_FOR_RECEIVER = "MW045"
SEVERAL_STACKS = "MW046"
NOT_FOR_DESTINATION = "MW047"
JOB_DISAGREES = "MW048"
SLO_WINDOW = "MW049"
NO_TARGETS = "MW050"
NO_REFERENCE = "MW051"
NOBODY_TOLD = "MW052"
OTHER_SPEC = "MW053"
NOT_THE_SAME = "MW054"
NO_TIMES = "MW055"
LOGGED = "MW056"
FEW_ROWS = "MW057"
MISSING_BEFORE = "MW058"

TITLES: dict[str, str] = {
    UNREADABLE: "a file or folder cannot be read",
    ENCODING: "a file is not UTF-8 text",
    SYNTAX: "YAML syntax error",
    DOCUMENTS: "several YAML documents in one file",
    EMPTY: "a file says nothing",
    DUPLICATE_KEY: "a key is written twice",
    KEY_NOT_TEXT: "a key is not text",
    AMBIGUOUS: "a value that YAML readers read differently",
    NUMBER: "a number that cannot be used",
    ALIAS: "aliases that cannot be followed",
    TAG: "a YAML tag",
    UNKNOWN_FIELD: "unknown field",
    MISSING_FIELD: "a field is missing",
    WRONG_TYPE: "a value of the wrong type",
    NOT_ONE_OF: "a value that is none of the choices",
    DURATION: "a malformed duration",
    OUT_OF_BOUNDS: "a value out of its bounds",
    MALFORMED: "malformed text",
    DUPLICATE_ITEM: "an item is there twice",
    FOLDER: "a folder without models",
    DUPLICATE_MODEL: "two models of one name",
    RESERVED: "a reserved name",
    OBJECTIVE: "an objective that is no percentage to aim for",
    SILENT_SLO: "an SLO whose page can never fire",
    RETENTION: "a window longer than the retention",
    NO_BUCKET: "a latency that is no bucket of the histogram",
    UNKNOWN_RECEIVER: "a route to a receiver that does not exist",
    UNKNOWN_TEAM: "an owner that is no team",
    UNKNOWN_ENVIRONMENT: "an undeclared environment",
    NOT_IN_BASELINE: "a feature that the baseline lacks",
    NO_BASELINE: "a baseline that is not there",
    BAD_BASELINE: "a baseline that cannot be read",
    DRIFT_ORDER: "a warning threshold above the critical one",
    RANGE_ORDER: "a range whose low end is above its high end",
    NOT_FOR_FEATURE: "a field that this type of feature does not have",
    NOT_FOR_TASK: "a field that this type of task does not have",
    POSITIVE_CLASS: "a positive class that is no class",
    NOT_FOR_MODE: "a field that this way of serving lacks or does not have",
    TARGET: "a malformed target",
    INTERVALS: "intervals of Prometheus that contradict each other",
    SECRET: "a secret in a spec",
    WINDOW_ORDER: "drift windows that do not ascend",
    FEW_SAMPLES: "too few samples for the drift method",
    UNUSED_RECEIVER: "a receiver that nothing is sent to",
    NOT_FOR_RECEIVER: "a receiver lacks a field, or has one that its type does not use",
    SEVERAL_STACKS: "several stack files",
    NOT_FOR_DESTINATION: "a destination that its signal or type cannot use",
    JOB_DISAGREES: "models that disagree on their job",
    SLO_WINDOW: "an SLO window that its alerts cannot judge",
    NO_TARGETS: "a model that nothing scrapes",
    NO_REFERENCE: "a model without a baseline",
    NOBODY_TOLD: "alerts that reach nobody",
    OTHER_SPEC: "a profile that was made of another spec",
    NOT_THE_SAME: "a comparison that the baseline cannot give",
    NO_TIMES: "a column of times that holds none",
    LOGGED: "a field that is both written and masked",
    FEW_ROWS: "a profile of too few rows",
    MISSING_BEFORE: "more missing in the profile than the spec allows",
}
