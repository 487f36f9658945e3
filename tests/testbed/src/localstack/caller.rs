//! How does a script make many calls? One after another on a connection that is kept, as AWS's SDKs do, without their work of
//! signing and reading.

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::account::{Account, form};

/// Makes calls in an account; its connections are kept.
#[derive(Clone, Debug)]
pub struct Caller {
    account: Account,
    client: Client<HttpConnector, Full<Bytes>>,
}

// === impl Caller ===

impl Caller {
    pub(super) fn new(account: Account) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            account,
            client: Client::builder(TokioExecutor::new()).build(connector),
        }
    }

    /// As [`Account::call`].
    ///
    /// # Errors
    /// It is refused; the error shows the answer.
    pub async fn call(
        &self,
        service: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String> {
        let what = || format!("asking for {action}");
        let request = Request::post(format!("http://{}/", self.account.address()))
            .header(header::AUTHORIZATION, self.account.signed(service))
            .header(
                header::CONTENT_TYPE,
                "application/x-www-form-urlencoded; charset=utf-8",
            )
            .body(Full::from(form(service, action, parameters)))
            .with_context(what)?;
        let answer = self.client.request(request).await.with_context(what)?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.with_context(what)?.to_bytes();
        let body = String::from_utf8_lossy(&body);
        if !head.status.is_success() {
            bail!("{action} was answered with {}: {body}", head.status);
        }
        Ok(body.into_owned())
    }
}
