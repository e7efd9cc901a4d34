package sdks;

import dev.restate.sdk.auth.signing.RestateRequestIdentityVerifier;
import dev.restate.sdk.endpoint.Endpoint;
import dev.restate.sdk.http.vertx.HttpEndpointRequestHandler;
import dev.restate.sdk.http.vertx.RestateHttpServer;
import io.vertx.core.http.Http2Settings;
import io.vertx.core.http.HttpServerOptions;

/** The application of these tests, with the official Java SDK. Effects go to the file that EFFECTS names. */
public class Main {
  public static void main(String[] arguments) {
    var endpoint = Endpoint.bind(new Greeter()).bind(new Counter()).bind(new Notes()).bind(new Payment());
    var keys = System.getenv("IDENTITY_KEY");
    if (!keys.isBlank()) {
      endpoint.withRequestIdentityVerifier(RestateRequestIdentityVerifier.fromKeys(keys.split(" ")));
    }
    var duplex = System.getenv("MODE").equals("duplex");
    var options =
        new HttpServerOptions()
            .setHost("127.0.0.1")
            .setPort(Integer.parseInt(System.getenv("PORT")))
            .setInitialSettings(new Http2Settings().setMaxConcurrentStreams(Integer.MAX_VALUE));
    RestateHttpServer.fromHandler(HttpEndpointRequestHandler.fromEndpoint(endpoint.build(), !duplex), options)
        .listen()
        .onFailure(Main::end);
  }

  private static void end(Throwable reason) {
    reason.printStackTrace();
    System.exit(1);
  }
}
