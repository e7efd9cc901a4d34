package sdks

import dev.restate.sdk.endpoint.definition.HandlerType.EXCLUSIVE
import dev.restate.sdk.endpoint.definition.HandlerType.SHARED
import dev.restate.sdk.endpoint.definition.HandlerType.WORKFLOW
import dev.restate.sdk.kotlin.ObjectContext
import dev.restate.sdk.kotlin.SharedObjectContext
import dev.restate.sdk.kotlin.SharedWorkflowContext
import dev.restate.sdk.kotlin.WorkflowContext
import dev.restate.sdk.kotlin.durablePromiseKey
import dev.restate.sdk.kotlin.get
import dev.restate.sdk.kotlin.set
import dev.restate.sdk.kotlin.stateKey

val counter = listOf(handler("add", EXCLUSIVE, ::add), handler("clear", EXCLUSIVE, ::clear))
val notes = listOf(handler("put", EXCLUSIVE, ::put), handler("get", SHARED, ::get))
val payment = listOf(handler("run", WORKFLOW, ::run), handler("decide", SHARED, ::decide))

private val TOTAL = stateKey<Int>("total")
private val DECISION = durablePromiseKey<String>("decision")

private suspend fun add(ctx: ObjectContext, number: Int): Int {
    val total = (ctx.get(TOTAL) ?: 0) + number
    ctx.set(TOTAL, total)
    return total
}

private suspend fun clear(ctx: ObjectContext, nothing: Unit) = ctx.clear(TOTAL)

private suspend fun put(ctx: ObjectContext, value: String) = ctx.set("value", value)

private suspend fun get(ctx: SharedObjectContext, nothing: Unit): String? = ctx.get<String>("value")

private suspend fun run(ctx: WorkflowContext, amount: Int): String {
    ctx.set("status", "waiting")
    return "$amount ${ctx.promise(DECISION).future().await()}"
}

private suspend fun decide(ctx: SharedWorkflowContext, decision: String) =
    ctx.promiseHandle(DECISION).resolve(decision)
