package sdks

import dev.restate.common.Request
import dev.restate.common.Target
import dev.restate.sdk.endpoint.definition.HandlerDefinition
import dev.restate.sdk.endpoint.definition.HandlerType
import dev.restate.sdk.kotlin.Context
import dev.restate.sdk.kotlin.HandlerRunner
import dev.restate.serde.Serde
import dev.restate.serde.kotlinx.KotlinSerializationSerdeFactory
import dev.restate.serde.kotlinx.typeTag

/** What the SDK's code generator makes of annotated classes: definitions of handlers, and requests to them. */
val SERDES = KotlinSerializationSerdeFactory()

inline fun <reified I, reified O, C : Context> handler(
    name: String,
    type: HandlerType,
    noinline body: suspend (C, I) -> O,
): HandlerDefinition<*, *> = handler(name, type, SERDES.create(typeTag<I>()), SERDES.create(typeTag<O>()), body)

fun <I, O, C : Context> handler(
    name: String,
    type: HandlerType,
    input: Serde<I>,
    output: Serde<O>,
    body: suspend (C, I) -> O,
): HandlerDefinition<*, *> =
    HandlerDefinition.of(name, type, input, output, HandlerRunner.of(SERDES, HandlerRunner.Options.DEFAULT, body))

inline fun <reified I, reified O> request(target: Target, argument: I): Request<I, O> =
    Request.of(target, typeTag<I>(), typeTag<O>(), argument).build()
