package sdks

import dev.restate.common.Target
import dev.restate.sdk.common.TerminalException
import dev.restate.sdk.endpoint.definition.HandlerType.SHARED
import dev.restate.sdk.kotlin.Context
import dev.restate.sdk.kotlin.RetryPolicy
import dev.restate.sdk.kotlin.awakeable
import dev.restate.sdk.kotlin.call
import dev.restate.sdk.kotlin.runBlock
import dev.restate.sdk.kotlin.select
import dev.restate.sdk.kotlin.send
import dev.restate.serde.Serde
import java.io.File
import java.util.concurrent.ConcurrentHashMap
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.milliseconds

val greeter = listOf(
    handler("greet", SHARED, ::greet),
    handler("echo", SHARED, Serde.RAW, Serde.RAW) { _: Context, payload: ByteArray -> payload },
    handler("steps", SHARED, ::steps),
    handler("journey", SHARED, ::journey),
    handler("nap", SHARED, ::nap),
    handler("wait_for", SHARED, ::waitFor),
    handler("undo", SHARED, ::undo),
    handler("fail", SHARED, ::fail),
    handler("flaky", SHARED, ::flaky),
    handler("hopeless", SHARED, ::hopeless),
    handler("count_up", SHARED, ::countUp),
    handler("first_of", SHARED, ::firstOf),
)

private val tried = ConcurrentHashMap<String, Int>()

private fun record(line: String) = File(System.getenv("EFFECTS")).appendText(line + "\n")

private suspend fun greet(ctx: Context, name: String): String = "Hello $name"

private suspend fun steps(ctx: Context, count: Int): List<Int> =
    (0..<count).map { number -> ctx.runBlock("step $number") { number * 2 } }

private suspend fun journey(ctx: Context, name: String): String {
    for (number in 0..5) {
        ctx.runBlock("leg $number") { record("$name $number") }
        ctx.sleep(100.milliseconds)
    }
    return name
}

private suspend fun nap(ctx: Context, milliseconds: Long): String {
    ctx.sleep(milliseconds.milliseconds)
    return "rested"
}

private suspend fun waitFor(ctx: Context, key: String): String {
    val awakeable = ctx.awakeable<String>()
    note(ctx, key, awakeable.id)
    return awakeable.await()
}

private suspend fun undo(ctx: Context, key: String) {
    note(ctx, key, "done")
    try {
        ctx.sleep(1.hours)
    } catch (cancelled: TerminalException) {
        note(ctx, key, "undone")
        throw cancelled
    }
}

private suspend fun note(ctx: Context, key: String, value: String) =
    request<String, Unit>(Target.virtualObject("Notes", key, "put"), value).call(ctx).await()

private suspend fun fail(ctx: Context, message: String): Unit = throw TerminalException(418, message)

private suspend fun flaky(ctx: Context, key: String): Int =
    ctx.runBlock("flaky", RetryPolicy(50.milliseconds, 1f)) {
        val count = tried.merge(key, 1, Int::plus)!!
        check(count >= 3) { "not yet" }
        count
    }

private suspend fun hopeless(ctx: Context, nothing: Unit): String =
    try {
        ctx.runBlock<Unit>("hopeless", RetryPolicy(20.milliseconds, 1f, maxAttempts = 3)) { error("never") }
        "not reached"
    } catch (given: TerminalException) {
        given.message!!
    }

private suspend fun countUp(ctx: Context, key: String): Int {
    val add = Target.virtualObject("Counter", key, "add")
    for (number in 1..3) request<Int, Int>(add, number).send(ctx)
    return request<Int, Int>(add, 10).call(ctx).await()
}

private suspend fun firstOf(ctx: Context, nothing: Unit): String {
    val slow = ctx.timer(1.hours)
    val quick = request<String, String>(Target.service("Greeter", "greet"), "race").call(ctx)
    return select<String> {
        quick.onAwait { text -> text }
        slow.onAwait { "slow" }
    }.await()
}
