use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

use restate_sdk::context::RunRetryPolicy;
use restate_sdk::prelude::*;
use restate_sdk::serde::Json;

use crate::keyed::{CounterClient, NotesClient};

const LONG: Duration = Duration::from_secs(3600);

#[derive(Default)]
pub struct Greeter {
    tried: Mutex<HashMap<String, u32>>,
}

fn record(line: String) -> std::io::Result<()> {
    let path = std::env::var("EFFECTS").expect("EFFECTS is set");
    OpenOptions::new()
        .append(true)
        .open(path)?
        .write_all(line.as_bytes())
}

#[service]
impl Greeter {
    #[handler]
    async fn greet(&self, _ctx: Context<'_>, name: String) -> HandlerResult<String> {
        Ok(format!("Hello {name}"))
    }

    #[handler]
    async fn echo(&self, _ctx: Context<'_>, payload: Vec<u8>) -> HandlerResult<Vec<u8>> {
        Ok(payload)
    }

    #[handler]
    async fn steps(&self, ctx: Context<'_>, count: i64) -> HandlerResult<Json<Vec<i64>>> {
        let mut results = Vec::new();
        for number in 0..count {
            let step = ctx.run(|| async move { Ok(number * 2) });
            results.push(step.name(format!("step {number}")).await?);
        }
        Ok(Json(results))
    }

    #[handler]
    async fn journey(&self, ctx: Context<'_>, name: String) -> HandlerResult<String> {
        for number in 0..6 {
            let line = format!("{name} {number}\n");
            let leg = ctx.run(|| async move { Ok(record(line)?) });
            leg.name(format!("leg {number}")).await?;
            ctx.sleep(Duration::from_millis(100)).await?;
        }
        Ok(name)
    }

    #[handler]
    async fn nap(&self, ctx: Context<'_>, milliseconds: u64) -> HandlerResult<String> {
        ctx.sleep(Duration::from_millis(milliseconds)).await?;
        Ok("rested".to_owned())
    }

    #[handler]
    async fn wait_for(&self, ctx: Context<'_>, key: String) -> HandlerResult<String> {
        let (identifier, value) = ctx.awakeable::<String>();
        ctx.object_client::<NotesClient>(key)
            .put(identifier)
            .call()
            .await?;
        Ok(value.await?)
    }

    #[handler]
    async fn undo(&self, ctx: Context<'_>, key: String) -> HandlerResult<()> {
        let notes = || ctx.object_client::<NotesClient>(key.clone());
        notes().put("done".to_owned()).call().await?;
        if let Err(cancelled) = ctx.sleep(LONG).await {
            notes().put("undone".to_owned()).call().await?;
            return Err(cancelled.into());
        }
        Ok(())
    }

    #[handler]
    async fn fail(&self, _ctx: Context<'_>, message: String) -> HandlerResult<()> {
        Err(TerminalError::new_with_code(418, message).into())
    }

    #[handler]
    async fn flaky(&self, ctx: Context<'_>, key: String) -> HandlerResult<u32> {
        let attempt = || async move {
            let mut tried = self.tried.lock().expect("no one panicked with it");
            let count = tried.entry(key).or_default();
            *count += 1;
            if *count < 3 {
                Err("not yet".into())
            } else {
                Ok(*count)
            }
        };
        let policy = RunRetryPolicy::new().initial_delay(Duration::from_millis(50));
        Ok(ctx.run(attempt).name("flaky").retry_policy(policy).await?)
    }

    #[handler]
    async fn hopeless(&self, ctx: Context<'_>) -> HandlerResult<String> {
        let attempt = || async { Err::<(), HandlerError>("never".into()) };
        let policy = RunRetryPolicy::new()
            .initial_delay(Duration::from_millis(20))
            .max_attempts(3);
        match ctx.run(attempt).name("hopeless").retry_policy(policy).await {
            Ok(()) => Ok("not reached".to_owned()),
            Err(error) => Ok(error.message().to_owned()),
        }
    }

    #[handler]
    async fn count_up(&self, ctx: Context<'_>, key: String) -> HandlerResult<i64> {
        let counter = || ctx.object_client::<CounterClient>(key.clone());
        for number in [1, 2, 3] {
            counter().add(number).send();
        }
        Ok(counter().add(10).call().await?)
    }

    #[handler]
    async fn first_of(&self, ctx: Context<'_>) -> HandlerResult<String> {
        let quick = ctx
            .service_client::<GreeterClient>()
            .greet("race".to_owned())
            .call();
        restate_sdk::select! {
            text = quick => { Ok(text?) },
            _ = ctx.sleep(LONG) => { Ok("slow".to_owned()) }
        }
    }
}
