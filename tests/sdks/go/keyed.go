package main

import (
	"fmt"

	restate "github.com/restatedev/sdk-go"
)

func add(ctx restate.ObjectContext, number int) (int, error) {
	total, err := restate.Get[int](ctx, "total")
	if err != nil {
		return 0, err
	}
	restate.Set(ctx, "total", total+number)
	return total + number, nil
}

func clear(ctx restate.ObjectContext, _ restate.Void) (restate.Void, error) {
	restate.Clear(ctx, "total")
	return restate.Void{}, nil
}

func put(ctx restate.ObjectContext, value string) (restate.Void, error) {
	restate.Set(ctx, "value", value)
	return restate.Void{}, nil
}

func get(ctx restate.ObjectSharedContext, _ restate.Void) (*string, error) {
	value, err := restate.Get[*string](ctx, "value")
	if err != nil {
		return nil, err
	}
	return value, nil
}

func run(ctx restate.WorkflowContext, amount int) (string, error) {
	restate.Set(ctx, "status", "waiting")
	decision, err := restate.Promise[string](ctx, "decision").Result()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d %s", amount, decision), nil
}

func decide(ctx restate.WorkflowSharedContext, decision string) (restate.Void, error) {
	if err := restate.Promise[string](ctx, "decision").Resolve(decision); err != nil {
		return restate.Void{}, err
	}
	return restate.Void{}, nil
}
