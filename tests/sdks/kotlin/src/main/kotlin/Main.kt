@file:JvmName("Main")

package sdks

import dev.restate.sdk.auth.signing.RestateRequestIdentityVerifier
import dev.restate.sdk.endpoint.definition.ServiceDefinition
import dev.restate.sdk.endpoint.definition.ServiceType
import dev.restate.sdk.http.vertx.HttpEndpointRequestHandler
import dev.restate.sdk.http.vertx.RestateHttpServer
import dev.restate.sdk.kotlin.endpoint.endpoint
import io.vertx.core.http.Http2Settings
import io.vertx.core.http.HttpServerOptions
import kotlin.system.exitProcess

/** The application of these tests, with the official Kotlin SDK. Effects go to the file that EFFECTS names. */
fun main() {
    val keys = System.getenv("IDENTITY_KEY").split(" ").filter { it.isNotEmpty() }
    val application = endpoint {
        if (keys.isNotEmpty()) requestIdentityVerifier = RestateRequestIdentityVerifier.fromKeys(*keys.toTypedArray())
        bind(ServiceDefinition.of("Greeter", ServiceType.SERVICE, greeter))
        bind(ServiceDefinition.of("Counter", ServiceType.VIRTUAL_OBJECT, counter))
        bind(ServiceDefinition.of("Notes", ServiceType.VIRTUAL_OBJECT, notes))
        bind(ServiceDefinition.of("Payment", ServiceType.WORKFLOW, payment))
    }
    val duplex = System.getenv("MODE") == "duplex"
    val options = HttpServerOptions()
        .setHost("127.0.0.1")
        .setPort(System.getenv("PORT").toInt())
        .setInitialSettings(Http2Settings().setMaxConcurrentStreams(Int.MAX_VALUE.toLong()))
    RestateHttpServer.fromHandler(HttpEndpointRequestHandler.fromEndpoint(application, !duplex), options)
        .listen()
        .onFailure { reason ->
            reason.printStackTrace()
            exitProcess(1)
        }
}
