"""Codes for actions that can help after an error. Each front end shows an action as a command, a button or a remark.

The values of a hint are the values of its error. This module is below every layer, because errors carry hints.
"""

from __future__ import annotations

from enum import Enum


class Hint(Enum):
    """Each member is an action that can help. ``code`` is the action's name for programs. ``needs`` are the values that
    an error with this hint must have. If the hint names one of several objects, the error may also have the value
    ``near``. ``near`` is the name of the object that was probably meant, or ``""`` if no name is similar."""

    def __init__(self, code: str, *needs: str) -> None:
        self.code = code
        self.needs = needs

    # The boxes of a lab.
    START_BOX = "start-box", "box"
    START_LAB = "start-lab"
    UP = "up", "lab"
    UP_OWN = "up-own", "lab"
    UP_AS = "up-as", "lab", "other"
    DOWN_AS = "down-as", "lab", "learner"
    DOWN_AND_UP = "down-and-up", "lab", "wanted"
    DOWN_AND_ADOPT = "down-and-adopt", "lab", "learner"
    ADOPT = "adopt", "lab", "learner"
    RESET_LAB = "reset-lab", "lab"
    STATUS = "status"
    STATUS_OR_LOGS = "status-or-logs", "box"
    DOWN_ONE = "down-one"
    LOGS = "logs", "box"
    ENTER = "enter", "box"
    UNPAUSE = "unpause", "container"
    LIST_FILE = "list-file", "box", "quoted"

    # Naming a lab, a box, a task or an attempt.
    NAME_LAB = "name-lab"
    LIST_AND_UP = "list-and-up"
    NAME_BOX = "name-box", "known"
    NAME_TASK = "name-task", "known"
    NAME_SOLUTION = "name-solution", "known"
    NAME_MUTANT = "name-mutant", "known"
    OPTION_LAB = "option-lab", "first"
    ONE_LAB = "one-lab", "command", "word"
    HISTORY = "history", "lab"
    NAME_SERVER = "name-server", "known"

    # The form of a command.
    HELP_OF = "help-of", "command"
    SAY_YES = "say-yes", "typed"
    SHOW_VALUES = "show-values", "lab"
    VERIFY_WITH = "verify-with", "option"
    ENTER_AS = "enter-as"
    OPEN = "open"
    FREE_PORT = "free-port"
    LINT_WHAT = "lint-what"
    TEST_WHAT = "test-what"
    TEST_JSON = "test-json"

    # Copying files.
    COPY_FORMS = "copy-forms"
    COPY_PART = "copy-part", "box"
    COPY_BY_CAT = "copy-by-cat", "box", "path"
    COPY_TO_BY_CAT = "copy-to-by-cat", "path"
    NAME_FILE = "name-file"
    MOVE_AWAY = "move-away", "path"
    SEE_FOLDER = "see-folder"

    # The gateway.
    SEE_HELP = "see-help"
    USAGE = "usage", "usage"
    NAME_PATH = "name-path", "box", "path"
    PUT = "put", "box", "path"
    SMALLER_FILES = "smaller-files"
    YOUR_LABS = "your-labs", "known"
    LEAVE_ONE = "leave-one"
    LATER = "later"
    LOG_IN = "log-in"
    TELL_INSTRUCTOR = "tell-instructor"
    ASK_FOR_TIME = "ask-for-time"
    ASK_INSTRUCTOR = "ask-instructor"

    # Cohorts.
    NAME_COHORT = "name-cohort"
    NAME_LASTING_COHORT = "name-lasting-cohort", "known"
    NAME_MEMBER = "name-member", "cohort"
    NAME_GROUP = "name-group", "groups"
    NAME_LAB_OF_COHORT = "name-lab-of-cohort", "labs"
    SHOW_COHORT = "show-cohort", "cohort"
    CREATE_COHORT = "create-cohort"
    CREATE_COHORT_OF = "create-cohort-of"
    OTHER_COHORT_NAME = "other-cohort-name"
    COHORT_NAME_FORM = "cohort-name-form"
    PLAN_OR_FORCE = "plan-or-force", "name"
    UP_SOME = "up-some", "cohort"
    VERIFY_COHORT = "verify-cohort", "name"
    REPORT_COHORT = "report-cohort", "name"
    REPORT_TO_FILE = "report-to-file", "name"
    CORRECT_ROSTER = "correct-roster"
    NAME_ENCODING = "name-encoding", "known"
    NO_ENCODING = "no-encoding"
    OWN_KEY = "own-key"

    # Times and limits.
    NAME_LIMIT = "name-limit", "known"
    LIMIT_ONCE = "limit-once", "name"
    LIMIT_SIZE = "limit-size", "name"
    LIMIT_NUMBER = "limit-number", "name"
    LIMIT_DISK = "limit-disk", "disk"
    LIMIT_OF_ALL = "limit-of-all"
    RAISE_LIMIT = "raise-limit", "option", "name", "need"
    UNTIL_FORMS = "until-forms"
    LATER_TIME = "later-time"
    NO_END = "no-end"
    DURATION_FORMS = "duration-forms"

    # The Docker engine.
    DOCTOR = "doctor"
    DOCTOR_FIX = "doctor-fix"
    DOCTOR_OR_LOGS = "doctor-or-logs", "box"
    START_ENGINE = "start-engine"
    SET_UP_ENGINE = "set-up-engine"
    SYSTEM_ENGINE = "system-engine"
    NO_REMAP = "no-remap"
    JOIN_GROUP = "join-group"
    ENGINE_VERSION = "engine-version", "address"
    NEWER_ENGINE = "newer-engine"
    NEWER_LABCTL = "newer-labctl", "newest"
    NEWER_CHECKOUT = "newer-checkout", "newest"
    UNSET_HOST = "unset-host"
    FORWARD_PORT = "forward-port", "where"
    USE_CONTEXT = "use-context"
    INSPECT_CONTEXT = "inspect-context", "name"
    RENAME_BOX = "rename-box", "container"
    RENAME_KEEPER = "rename-keeper", "name"

    # Images.
    PRUNE = "prune"
    SAVE_IMAGES = "save-images"
    BUILD_OR_MIRROR = "build-or-mirror"
    NETWORK_OR_MIRROR = "network-or-mirror"
    MIRROR = "mirror"
    REGISTRY_OR_LOAD = "registry-or-load"
    CHECK_PACKAGES = "check-packages"
    INSTALL_BOOTSTRAP = "install-bootstrap"
    ROOT_OR_UIDMAP = "root-or-uidmap"

    # Labs and the catalog.
    CATALOG_FORM = "catalog-form"
    LAB_NAME_FORM = "lab-name-form"
    OTHER_LAB_NAME = "other-lab-name"
    TELL_AUTHOR = "tell-author"

    # Settings and the store.
    NAME_SETTING = "name-setting"
    SET_OR_UNSET = "set-or-unset", "key"
    STORE_FORM = "store-form"
    TRY_STORE = "try-store", "url"
    SEE_STORE_FILE = "see-store-file"
    MAKE_ROOM = "make-room"
    WHO_HAS_FILE = "who-has-file", "name"
    SEE_STATE_FILE = "see-state-file", "file"
    WRITE_ID = "write-id", "file"
    UPGRADE = "upgrade"
    INSTALL_POSTGRESQL = "install-postgresql"

    # The machine, and the gateway's installation.
    INSTALL_GATEWAY = "install-gateway"
    OTHER_ACCOUNT = "other-account"
    GATEWAY_STATUS = "gateway-status"
    GATEWAY_STATUS_AS_ROOT = "gateway-status-as-root"
    LEAVE_GROUP = "leave-group", "name", "first"
    INCLUDE_FIRST = "include-first", "config", "folder"
    INSTALL_PACKAGE = "install-package", "package"
    INSTALL_SSH = "install-ssh"
    SECURE_FOLDER = "secure-folder", "folder"
    MAKE_FOLDER = "make-folder", "folder"
