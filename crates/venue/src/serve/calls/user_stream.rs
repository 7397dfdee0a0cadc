//! Calls that open, keep and close listen keys, for clients that still use them.

use serde_json::json;

use super::{Call, Work};
use crate::binance::ApiError;
use crate::serve::hub::Hub;

impl Call<'_> {
    pub(super) fn open_listen_key(&mut self) -> Result<Work, ApiError> {
        self.params.finish()?;
        let generated = generate()?;
        let holder = self.key.ok_or_else(ApiError::internal)?;
        let keys = &mut self.gateway.hub.users.listen_keys;
        let key = keys.open(holder, generated, self.now_ms);
        Ok(Work::Done(json!({ "listenKey": key }).to_string()))
    }

    pub(super) fn keep_listen_key(&mut self) -> Result<Work, ApiError> {
        let key = self.params.mandatory("listenKey")?;
        self.params.finish()?;
        self.gateway.hub.users.listen_keys.keep(self.account, key, self.now_ms)?;
        Ok(Work::Done("{}".to_owned()))
    }

    pub(super) fn close_listen_key(&mut self) -> Result<Work, ApiError> {
        let key = self.params.mandatory("listenKey")?;
        self.params.finish()?;
        let Hub { users, fanout, .. } = &mut self.gateway.hub;
        users.listen_keys.close(self.account, key)?;
        users.end_key(key, self.now_ms, &mut fanout.queues);
        Ok(Work::Done("{}".to_owned()))
    }
}

/// A listen key that nobody can guess.
///
/// # Errors
/// [`ApiError::internal`] if the system gives no random bytes.
fn generate() -> Result<String, ApiError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| ApiError::internal())?;
    Ok(bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
}
