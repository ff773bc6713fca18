//! An explanation from a running processor, by its admin port. It knows nothing of how it is shown.

use std::time::Duration;

use reqwest::{StatusCode, Url};

use crate::commands::Exit;
use crate::engine::explain::said::Explanation;

/// The port itself gives up sooner.
const TIMEOUT: Duration = Duration::from_secs(15);

/// `admin`: a URL, or the host and port of one.
pub fn ask(admin: &str, user: &str) -> Result<Explanation, Exit> {
    let url = url(admin, user).ok_or_else(|| Exit::Usage(format!("--url {admin}: not like http://localhost:9464")))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Exit::Fault(format!("can't ask {admin}: {error}")))?;
    let (status, body) =
        runtime.block_on(get(url)).map_err(|error| Exit::Fault(format!("no answer from {admin}: {error:#}")))?;
    let words = body.trim_end().to_owned();
    match status {
        StatusCode::OK => serde_json::from_str(&body)
            .map_err(|error| Exit::Fault(format!("{admin} is no Kairos of this version: {error}"))),
        StatusCode::NOT_FOUND if words.is_empty() => Err(Exit::No(format!(
            "{admin} does not tell of users: it is no `kairos run`, or admin.users is \"off\" there"
        ))),
        StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => Err(Exit::No(words)),
        _ => Err(Exit::Fault(format!("{admin}: {status}: {words}"))),
    }
}

fn url(admin: &str, user: &str) -> Option<Url> {
    let text = if admin.contains("://") { admin.to_owned() } else { format!("http://{admin}") };
    let mut url = Url::parse(&text).ok().filter(Url::has_host)?;
    url.path_segments_mut().ok()?.pop_if_empty().extend(["users", user]);
    Some(url)
}

async fn get(url: Url) -> anyhow::Result<(StatusCode, String)> {
    let client = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build()?;
    let answer = client.get(url).send().await?;
    Ok((answer.status(), answer.text().await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_may_hold_anything() {
        let of = |admin, user| url(admin, user).map(String::from);
        assert_eq!(of("localhost:9464", "u1").as_deref(), Some("http://localhost:9464/users/u1"));
        let odd = "a/b c?d#é";
        assert_eq!(
            of("https://k.example/kairos/", odd).as_deref(),
            Some("https://k.example/kairos/users/a%2Fb%20c%3Fd%23%C3%A9")
        );
        assert_eq!(of("", "u1"), None);
        assert_eq!(of("http://", "u1"), None);
    }
}
