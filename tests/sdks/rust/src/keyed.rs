use restate_sdk::prelude::*;

pub struct Counter;

#[object]
impl Counter {
    #[handler]
    async fn add(&self, ctx: ObjectContext<'_>, number: i64) -> HandlerResult<i64> {
        let total = ctx.get::<i64>("total").await?.unwrap_or(0) + number;
        ctx.set("total", total);
        Ok(total)
    }

    #[handler]
    async fn clear(&self, ctx: ObjectContext<'_>) -> HandlerResult<()> {
        ctx.clear("total");
        Ok(())
    }
}

pub struct Notes;

#[object]
impl Notes {
    #[handler]
    async fn put(&self, ctx: ObjectContext<'_>, value: String) -> HandlerResult<()> {
        ctx.set("value", value);
        Ok(())
    }

    #[handler]
    async fn get(&self, ctx: SharedObjectContext<'_>) -> HandlerResult<Option<String>> {
        Ok(ctx.get::<String>("value").await?)
    }
}

pub struct Payment;

#[workflow]
impl Payment {
    #[handler]
    async fn run(&self, ctx: WorkflowContext<'_>, amount: i64) -> HandlerResult<String> {
        ctx.set("status", "waiting".to_owned());
        let decision = ctx.promise::<String>("decision").await?;
        Ok(format!("{amount} {decision}"))
    }

    #[handler]
    async fn decide(&self, ctx: SharedWorkflowContext<'_>, decision: String) -> HandlerResult<()> {
        ctx.resolve_promise("decision", decision);
        Ok(())
    }
}
