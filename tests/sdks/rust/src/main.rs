//! The application of these tests, with the official Rust SDK. Effects go to the file that EFFECTS names.

mod greeter;
mod keyed;

use std::env;

use restate_sdk::prelude::*;

#[tokio::main]
async fn main() {
    let mut endpoint = Endpoint::builder()
        .bind(greeter::Greeter::default())
        .bind(keyed::Counter)
        .bind(keyed::Notes)
        .bind(keyed::Payment);
    for key in env::var("IDENTITY_KEY")
        .unwrap_or_default()
        .split_whitespace()
    {
        endpoint = endpoint
            .identity_key(key)
            .expect("IDENTITY_KEY is a public key");
    }
    let address = format!("127.0.0.1:{}", env::var("PORT").expect("PORT is set"));
    HttpServer::new(endpoint.build())
        .listen_and_serve(address.parse().expect("PORT is a number"))
        .await;
}
