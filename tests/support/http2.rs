//! HTTP/2 over TLS, as a server has it: for the endpoint of tests. It must not know what a request is for.

use std::net::TcpStream;
use std::sync::Arc;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use tokio_rustls::TlsAcceptor;

/// Status, headers and body; `None` resets the request.
pub type Answer = Option<(u16, Vec<(&'static str, String)>, &'static str)>;

/// Answers the requests of one connection, as many at a time as the client has under way, until it ends.
pub fn serve<A>(connection: TcpStream, tls: Arc<rustls::ServerConfig>, answer: A)
where
    A: Fn(&http::HeaderMap, Vec<u8>) -> Answer + Clone + Send + 'static,
{
    connection.set_nonblocking(true).expect("a socket can be told not to block");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    // An error is the client's end, or a test's kill.
    let _ = runtime.block_on(converse(connection, tls, answer));
}

async fn converse<A>(
    connection: TcpStream,
    tls: Arc<rustls::ServerConfig>,
    answer: A,
) -> Result<(), Box<dyn std::error::Error>>
where
    A: Fn(&http::HeaderMap, Vec<u8>) -> Answer + Clone + Send + 'static,
{
    let connection = tokio::net::TcpStream::from_std(connection)?;
    let connection = TlsAcceptor::from(tls).accept(connection).await?;
    let mut connection = h2::server::handshake(connection).await?;
    while let Some(request) = connection.accept().await {
        let (request, response) = request?;
        let answer = answer.clone();
        tokio::spawn(async move {
            let (head, body) = request.into_parts();
            // One that breaks in its middle is the client's to tell.
            if let Ok(body) = whole(body).await {
                let _ = respond(response, answer(&head.headers, body));
            }
        });
    }
    Ok(())
}

async fn whole(mut body: RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut whole = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}

fn respond(mut response: SendResponse<Bytes>, answer: Answer) -> Result<(), h2::Error> {
    let Some((status, headers, body)) = answer else {
        response.send_reset(Reason::INTERNAL_ERROR);
        return Ok(());
    };
    let mut head = http::Response::builder().status(status);
    for (name, value) in headers {
        head = head.header(name, value);
    }
    let head = head.body(()).expect("a test's headers are valid");
    response.send_response(head, false)?.send_data(Bytes::from_static(body.as_bytes()), true)
}
