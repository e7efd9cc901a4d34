// The application of these tests, with the official Go SDK. Effects go to the file that EFFECTS names.
package main

import (
	"log"
	"log/slog"
	"net/http"
	"os"
	"strings"

	restate "github.com/restatedev/sdk-go"
	"github.com/restatedev/sdk-go/encoding"
	"github.com/restatedev/sdk-go/server"
)

func main() {
	binary := restate.WithCodec(encoding.BinaryCodec)
	greeter := restate.NewService("Greeter").
		Handler("greet", restate.NewServiceHandler(greet)).
		Handler("echo", restate.NewServiceHandler(echo, binary)).
		Handler("steps", restate.NewServiceHandler(steps)).
		Handler("journey", restate.NewServiceHandler(journey)).
		Handler("nap", restate.NewServiceHandler(nap)).
		Handler("wait_for", restate.NewServiceHandler(waitFor)).
		Handler("undo", restate.NewServiceHandler(undo)).
		Handler("fail", restate.NewServiceHandler(fail)).
		Handler("flaky", restate.NewServiceHandler(flaky)).
		Handler("hopeless", restate.NewServiceHandler(hopeless)).
		Handler("count_up", restate.NewServiceHandler(countUp)).
		Handler("first_of", restate.NewServiceHandler(firstOf))
	counter := restate.NewObject("Counter").
		Handler("add", restate.NewObjectHandler(add)).
		Handler("clear", restate.NewObjectHandler(clear))
	notes := restate.NewObject("Notes").
		Handler("put", restate.NewObjectHandler(put)).
		Handler("get", restate.NewObjectSharedHandler(get))
	payment := restate.NewWorkflow("Payment").
		Handler("run", restate.NewWorkflowHandler(run)).
		Handler("decide", restate.NewWorkflowSharedHandler(decide))

	handler, err := server.NewRestate().
		WithLogger(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}), true).
		WithIdentityV1(strings.Fields(os.Getenv("IDENTITY_KEY"))...).
		Bidirectional(os.Getenv("MODE") == "duplex").
		Bind(greeter).Bind(counter).Bind(notes).Bind(payment).
		Handler()
	if err != nil {
		log.Fatal(err)
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	endpoint := http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: handler, Protocols: &protocols}
	log.Fatal(endpoint.ListenAndServe())
}
