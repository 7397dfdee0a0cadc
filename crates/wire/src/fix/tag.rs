//! Tags of the fields that the session, orders and market data use. Names are the standard's.

use core::fmt;

/// A field's number. Numbers below 1 are no tags of any dictionary, but a message may carry them:
/// its refusal repeats what it said.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Tag(pub i32);

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({})", self.0)
    }
}

macro_rules! tags {
    ($($name:ident = $number:literal),+ $(,)?) => {
        $(
            #[doc = concat!("Tag ", stringify!($number), ".")]
            pub const $name: Tag = Tag($number);
        )+
    };
}

tags! {
    ACCOUNT = 1,
    AVG_PX = 6,
    BEGIN_SEQ_NO = 7,
    BEGIN_STRING = 8,
    BODY_LENGTH = 9,
    CHECK_SUM = 10,
    CL_ORD_ID = 11,
    COMMISSION = 12,
    COMM_TYPE = 13,
    CUM_QTY = 14,
    CURRENCY = 15,
    END_SEQ_NO = 16,
    EXEC_ID = 17,
    EXEC_INST = 18,
    EXEC_REF_ID = 19,
    HANDL_INST = 21,
    LAST_PX = 31,
    LAST_QTY = 32,
    NO_LINES_OF_TEXT = 33,
    MSG_SEQ_NUM = 34,
    MSG_TYPE = 35,
    NEW_SEQ_NO = 36,
    ORDER_ID = 37,
    ORDER_QTY = 38,
    ORD_STATUS = 39,
    ORD_TYPE = 40,
    ORIG_CL_ORD_ID = 41,
    POSS_DUP_FLAG = 43,
    PRICE = 44,
    REF_SEQ_NUM = 45,
    SENDER_COMP_ID = 49,
    SENDER_SUB_ID = 50,
    SENDING_TIME = 52,
    SIDE = 54,
    SYMBOL = 55,
    TARGET_COMP_ID = 56,
    TARGET_SUB_ID = 57,
    TEXT = 58,
    TIME_IN_FORCE = 59,
    TRANSACT_TIME = 60,
    LIST_ID = 66,
    LIST_SEQ_NO = 67,
    TOT_NO_ORDERS = 68,
    NO_ORDERS = 73,
    SIGNATURE = 89,
    SECURE_DATA_LEN = 90,
    SECURE_DATA = 91,
    SIGNATURE_LENGTH = 93,
    RAW_DATA_LENGTH = 95,
    RAW_DATA = 96,
    POSS_RESEND = 97,
    ENCRYPT_METHOD = 98,
    STOP_PX = 99,
    CXL_REJ_REASON = 102,
    ORD_REJ_REASON = 103,
    HEART_BT_INT = 108,
    MIN_QTY = 110,
    MAX_FLOOR = 111,
    TEST_REQ_ID = 112,
    ORIG_SENDING_TIME = 122,
    GAP_FILL_FLAG = 123,
    EXPIRE_TIME = 126,
    ON_BEHALF_OF_COMP_ID = 115,
    DELIVER_TO_COMP_ID = 128,
    RESET_SEQ_NUM_FLAG = 141,
    NO_RELATED_SYM = 146,
    EXEC_TYPE = 150,
    LEAVES_QTY = 151,
    CASH_ORDER_QTY = 152,
    PEG_OFFSET_VALUE = 211,
    XML_DATA_LEN = 212,
    XML_DATA = 213,
    MD_REQ_ID = 262,
    SUBSCRIPTION_REQUEST_TYPE = 263,
    MARKET_DEPTH = 264,
    MD_UPDATE_TYPE = 265,
    AGGREGATED_BOOK = 266,
    NO_MD_ENTRY_TYPES = 267,
    NO_MD_ENTRIES = 268,
    MD_ENTRY_TYPE = 269,
    MD_ENTRY_PX = 270,
    MD_ENTRY_SIZE = 271,
    MD_ENTRY_DATE = 272,
    MD_ENTRY_TIME = 273,
    MD_ENTRY_ID = 278,
    MD_UPDATE_ACTION = 279,
    MD_REQ_REJ_REASON = 281,
    MD_ENTRY_POSITION_NO = 290,
    TRADING_SESSION_ID = 336,
    SECURITY_STATUS_REQ_ID = 324,
    UNSOLICITED_INDICATOR = 325,
    SECURITY_TRADING_STATUS = 326,
    COMM_CURRENCY = 479,
    SECONDARY_EXEC_ID = 527,
    NO_RPTS = 82,
    CXL_QTY = 84,
    ENCODED_TEXT_LEN = 354,
    ON_BEHALF_OF_SUB_ID = 116,
    DELIVER_TO_SUB_ID = 129,
    ON_BEHALF_OF_LOCATION_ID = 144,
    DELIVER_TO_LOCATION_ID = 145,
    ENCODED_TEXT = 355,
    LAST_MSG_SEQ_NUM_PROCESSED = 369,
    REF_TAG_ID = 371,
    REF_MSG_TYPE = 372,
    SESSION_REJECT_REASON = 373,
    EXEC_RESTATEMENT_REASON = 378,
    BUSINESS_REJECT_REF_ID = 379,
    BUSINESS_REJECT_REASON = 380,
    MAX_MESSAGE_SIZE = 383,
    BID_TYPE = 394,
    EXPIRE_DATE = 432,
    CXL_REJ_RESPONSE_TO = 434,
    LIST_EXEC_INST_TYPE = 433,
    LIST_STATUS_TYPE = 429,
    LIST_ORDER_STATUS = 431,
    CL_ORD_LINK_ID = 583,
    MASS_STATUS_REQ_ID = 584,
    MASS_STATUS_REQ_TYPE = 585,
    MASS_CANCEL_REQUEST_TYPE = 530,
    MASS_CANCEL_RESPONSE = 531,
    MASS_CANCEL_REJECT_REASON = 532,
    TOTAL_AFFECTED_ORDERS = 533,
    USERNAME = 553,
    PASSWORD = 554,
    RPT_SEQ = 83,
    TOTAL_NUM_REPORTS = 911,
    LAST_RPT_REQUESTED = 912,
    LAST_LIQUIDITY_IND = 851,
    NO_CONTRA_BROKERS = 382,
    TRD_MATCH_ID = 880,
    NEXT_EXPECTED_MSG_SEQ_NUM = 789,
    CONTINGENCY_TYPE = 1385,
}

/// Our venue's own: what is done before an order would trade with another of its account (`fix::code`).
pub const SELF_TRADE_PREVENTION: Tag = Tag(5001);
/// Our venue's own: what an order of `OrdType` 3 or 4 waits for: 1 a trade against it, 2 a trade in its favour.
pub const TRIGGER: Tag = Tag(5002);
/// Our venue's own, of a trailing stop: how far behind the best trade, as a difference of prices.
pub const TRAILING_AMOUNT: Tag = Tag(5003);
/// Our venue's own, of a trailing stop: how far behind the best trade, in basis points.
pub const TRAILING_BPS: Tag = Tag(5004);
/// Our venue's own, of a trailing stop: the trade price from which on it tracks.
pub const ACTIVATION_PX: Tag = Tag(5005);

/// The field of free bytes that follows a field of this tag, which says its length: such a field
/// may hold any byte, the end of a field too.
pub const fn data_behind(length: Tag) -> Option<Tag> {
    let data = match length.0 {
        90 => 91,
        93 => 89,
        95 => 96,
        212 => 213,
        348 => 349,
        350 => 351,
        352 => 353,
        354 => 355,
        356 => 357,
        358 => 359,
        360 => 361,
        362 => 363,
        364 => 365,
        445 => 446,
        618 => 619,
        621 => 622,
        _ => return None,
    };
    Some(Tag(data))
}
