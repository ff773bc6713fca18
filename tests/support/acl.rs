//! Users and rights on a broker: calls of librdkafka that the crate has no safe form of.

use std::ffi::{CStr, CString};
use std::ptr;

use rdkafka::admin::AdminClient;
use rdkafka::bindings as sys;
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaRespErr;

use super::topics;

use sys::rd_kafka_AclOperation_t as Operation;
use sys::rd_kafka_ResourcePatternType_t as Pattern;
use sys::rd_kafka_ResourceType_t as Kind;

const TIMEOUT_MS: i32 = 30_000;

/// What one user may do with one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub user: String,
    /// `topic`, `group` or `transactional id`.
    pub kind: String,
    pub name: String,
    /// All whose names begin so.
    pub is_prefix: bool,
    pub right: String,
}

pub struct Rights(AdminClient<DefaultClientContext>);

impl Rights {
    /// By a way in that may do everything.
    pub fn new(bootstrap: &str) -> Self {
        Self(topics::client(bootstrap).create().expect("an admin client"))
    }

    /// A user who comes in by SCRAM-SHA-256.
    pub fn add_user(&self, name: &str, password: &str) {
        let name = CString::new(name).expect("no zero in it");
        // SAFETY: all pointers are alive for the call, which copies what it needs.
        self.ask(sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_ALTERUSERSCRAMCREDENTIALS, |rk, options, queue| unsafe {
            let mut user = sys::rd_kafka_UserScramCredentialUpsertion_new(
                name.as_ptr(),
                sys::rd_kafka_ScramMechanism_t::RD_KAFKA_SCRAM_MECHANISM_SHA_256,
                4_096,
                password.as_ptr(),
                password.len(),
                ptr::null(),
                0,
            );
            sys::rd_kafka_AlterUserScramCredentials(rk, &raw mut user, 1, options, queue);
            sys::rd_kafka_UserScramCredentialAlteration_destroy(user);
        });
    }

    pub fn grant(&self, grant: &Grant) {
        // SAFETY: as above.
        self.ask(sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_CREATEACLS, |rk, options, queue| unsafe {
            let mut binding = binding(grant, sys::rd_kafka_AclBinding_new);
            sys::rd_kafka_CreateAcls(rk, &raw mut binding, 1, options, queue);
            sys::rd_kafka_AclBinding_destroy(binding);
        });
    }

    pub fn revoke(&self, grant: &Grant) {
        // SAFETY: as above; a filter is a binding that may have holes, and librdkafka has one type for both.
        self.ask(sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETEACLS, |rk, options, queue| unsafe {
            let mut filter = binding(grant, sys::rd_kafka_AclBindingFilter_new);
            sys::rd_kafka_DeleteAcls(rk, &raw mut filter, 1, options, queue);
            sys::rd_kafka_AclBinding_destroy(filter);
        });
    }

    fn ask(
        &self,
        kind: sys::rd_kafka_admin_op_t,
        call: impl FnOnce(*mut sys::rd_kafka_t, *mut sys::rd_kafka_AdminOptions_t, *mut sys::rd_kafka_queue_t),
    ) {
        let rk = self.0.inner().native_ptr();
        // SAFETY: the client lives as long as `self`; all else is made and destroyed here.
        unsafe {
            let options = sys::rd_kafka_AdminOptions_new(rk, kind);
            let queue = sys::rd_kafka_queue_new(rk);
            call(rk, options, queue);
            let event = sys::rd_kafka_queue_poll(queue, TIMEOUT_MS);
            assert!(!event.is_null(), "the broker does not answer");
            let text = CStr::from_ptr(sys::rd_kafka_event_error_string(event)).to_string_lossy().into_owned();
            assert_eq!(sys::rd_kafka_event_error(event), RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR, "{text}");
            sys::rd_kafka_event_destroy(event);
            sys::rd_kafka_queue_destroy(queue);
            sys::rd_kafka_AdminOptions_destroy(options);
        }
    }
}

type New = unsafe extern "C" fn(
    Kind,
    *const std::ffi::c_char,
    Pattern,
    *const std::ffi::c_char,
    *const std::ffi::c_char,
    Operation,
    sys::rd_kafka_AclPermissionType_t,
    *mut std::ffi::c_char,
    usize,
) -> *mut sys::rd_kafka_AclBinding_t;

fn binding(grant: &Grant, new: New) -> *mut sys::rd_kafka_AclBinding_t {
    let kind = match grant.kind.as_str() {
        "topic" => Kind::RD_KAFKA_RESOURCE_TOPIC,
        "group" => Kind::RD_KAFKA_RESOURCE_GROUP,
        "transactional id" => Kind::RD_KAFKA_RESOURCE_TRANSACTIONAL_ID,
        other => panic!("no kind of resource: {other}"),
    };
    let operation = match grant.right.as_str() {
        "Read" => Operation::RD_KAFKA_ACL_OPERATION_READ,
        "Write" => Operation::RD_KAFKA_ACL_OPERATION_WRITE,
        "Describe" => Operation::RD_KAFKA_ACL_OPERATION_DESCRIBE,
        "DescribeConfigs" => Operation::RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS,
        other => panic!("no right that we use: {other}"),
    };
    let pattern = if grant.is_prefix {
        Pattern::RD_KAFKA_RESOURCE_PATTERN_PREFIXED
    } else {
        Pattern::RD_KAFKA_RESOURCE_PATTERN_LITERAL
    };
    let text = |text: &str| CString::new(text).expect("no zero in it");
    let (name, user, host) = (text(&grant.name), text(&format!("User:{}", grant.user)), text("*"));
    let allow = sys::rd_kafka_AclPermissionType_t::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW;
    let mut wrong = [0; 200];
    // SAFETY: all pointers are alive for the call, which copies what it needs.
    let made = unsafe {
        let (name, user, host) = (name.as_ptr(), user.as_ptr(), host.as_ptr());
        new(kind, name, pattern, user, host, operation, allow, wrong.as_mut_ptr(), wrong.len())
    };
    assert!(!made.is_null(), "not a right: {grant:?}");
    made
}
