//! How does AWS say no?
//!
//! Error answers in the words and the XML of each service. No I/O here.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use super::call::{AwsService, Operation};

/// An answer with its whole body.
pub(super) type Reply = Response<Bytes>;

/// Who asks, in the words of an access-denied answer.
const CALLER: &str = "arn:aws:sts::000000000000:assumed-role/roadstead/controller";

/// An answer without a body.
pub(super) fn bare(status: StatusCode) -> Reply {
    let mut reply = Reply::new(Bytes::new());
    *reply.status_mut() = status;
    reply
}

/// AWS refuses a call with `code`.
pub(super) fn refusal(service: AwsService, code: &str, message: &str, number: u64) -> Reply {
    let status = status_of(service, code);
    let fault = if status.is_server_error() {
        "Receiver"
    } else {
        "Sender"
    };
    let (code, message) = (escape(code), escape(message));
    let id = format!("00000000-0000-4000-8000-{number:012x}");
    let (kind, body) = match service {
        AwsService::Ec2 => (
            "text/xml;charset=UTF-8",
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code>\
                 <Message>{message}</Message></Error></Errors><RequestID>{id}</RequestID></Response>"
            ),
        ),
        AwsService::Elbv2 | AwsService::Sts | AwsService::Iam => (
            "text/xml",
            format!(
                "<ErrorResponse xmlns=\"{}\"><Error><Type>{fault}</Type><Code>{code}</Code>\
                 <Message>{message}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>",
                namespace(service)
            ),
        ),
        AwsService::Acm | AwsService::Tagging | AwsService::Other => (
            "application/x-amz-json-1.1",
            serde_json::json!({ "__type": code, "message": message }).to_string(),
        ),
    };
    let mut reply = Reply::new(Bytes::from(body));
    *reply.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    reply.headers_mut().insert(header::CONTENT_TYPE, kind);
    reply
}

/// AWS refuses a call as one too many.
///
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html>,
/// <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>
pub(super) fn throttling(service: AwsService, number: u64) -> Reply {
    let (code, message) = match service {
        AwsService::Ec2 => ("RequestLimitExceeded", "Request limit exceeded."),
        AwsService::Acm | AwsService::Tagging | AwsService::Other => {
            ("ThrottlingException", "Rate exceeded")
        }
        AwsService::Elbv2 | AwsService::Sts | AwsService::Iam => ("Throttling", "Rate exceeded"),
    };
    refusal(service, code, message, number)
}

/// What a call names does not exist.
pub(super) fn absence(service: AwsService, code: &str, named: &str, number: u64) -> Reply {
    let message = match service {
        AwsService::Ec2 => format!("The security group '{named}' does not exist"),
        _ => format!("One or more of '{named}' not found"),
    };
    refusal(service, code, &message, number)
}

/// No policy allows a call.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
pub(super) fn denial(operation: Operation<'_>, number: u64) -> Reply {
    let Operation {
        service, action, ..
    } = operation;
    let prefix = service.iam_prefix().unwrap_or("unknown");
    let who = format!("User: {CALLER} is not authorized to perform: {prefix}:{action}");
    let why = format!("because no identity-based policy allows the {prefix}:{action} action");
    let resource = format!("arn:aws:{prefix}:us-east-1:000000000000:*");
    match service {
        AwsService::Ec2 => {
            let message = format!(
                "You are not authorized to perform this operation. {who} on resource: {resource} {why}. \
                 Encoded authorization failure message: none"
            );
            refusal(service, "UnauthorizedOperation", &message, number)
        }
        AwsService::Acm | AwsService::Tagging | AwsService::Other => {
            let message = format!("{who} on resource: {resource} {why}");
            refusal(service, "AccessDeniedException", &message, number)
        }
        AwsService::Elbv2 | AwsService::Sts | AwsService::Iam => {
            let message = format!("{who} on resource: {resource} {why}");
            refusal(service, "AccessDenied", &message, number)
        }
    }
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/CommonErrors.html>,
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>
fn status_of(service: AwsService, code: &str) -> StatusCode {
    match code {
        "InternalFailure" | "InternalError" => StatusCode::INTERNAL_SERVER_ERROR,
        "ServiceUnavailable" | "Unavailable" | "RequestLimitExceeded" => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        "AccessDenied"
        | "UnauthorizedOperation"
        | "ExpiredToken"
        | "InvalidClientTokenId"
        | "OptInRequired"
        | "SignatureDoesNotMatch" => StatusCode::FORBIDDEN,
        "AuthFailure" if service == AwsService::Ec2 => StatusCode::UNAUTHORIZED,
        _ => StatusCode::BAD_REQUEST,
    }
}

fn namespace(service: AwsService) -> &'static str {
    match service {
        AwsService::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
        AwsService::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
        _ => "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
