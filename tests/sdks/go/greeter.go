package main

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	restate "github.com/restatedev/sdk-go"
)

var (
	triedLock sync.Mutex
	tried     = map[string]int{}
)

func record(line string) error {
	effects, err := os.OpenFile(os.Getenv("EFFECTS"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer effects.Close()
	_, err = effects.WriteString(line + "\n")
	return err
}

func greet(ctx restate.Context, name string) (string, error) {
	return "Hello " + name, nil
}

func echo(ctx restate.Context, payload []byte) ([]byte, error) {
	return payload, nil
}

func steps(ctx restate.Context, count int) ([]int, error) {
	results := []int{}
	for number := range count {
		double := func(restate.RunContext) (int, error) { return number * 2, nil }
		result, err := restate.Run(ctx, double, restate.WithName(fmt.Sprintf("step %d", number)))
		if err != nil {
			return nil, err
		}
		results = append(results, result)
	}
	return results, nil
}

func journey(ctx restate.Context, name string) (string, error) {
	for number := range 6 {
		leg := func(restate.RunContext) error { return record(fmt.Sprintf("%s %d", name, number)) }
		if err := restate.RunVoid(ctx, leg, restate.WithName(fmt.Sprintf("leg %d", number))); err != nil {
			return "", err
		}
		if err := restate.Sleep(ctx, 100*time.Millisecond); err != nil {
			return "", err
		}
	}
	return name, nil
}

func nap(ctx restate.Context, milliseconds int) (string, error) {
	if err := restate.Sleep(ctx, time.Duration(milliseconds)*time.Millisecond); err != nil {
		return "", err
	}
	return "rested", nil
}

func note(ctx restate.Context, key string, value string) error {
	_, err := restate.Object[restate.Void](ctx, "Notes", key, "put").Request(value)
	if err != nil {
		return err
	}
	return nil
}

func waitFor(ctx restate.Context, key string) (string, error) {
	awakeable := restate.Awakeable[string](ctx)
	if err := note(ctx, key, awakeable.Id()); err != nil {
		return "", err
	}
	value, err := awakeable.Result()
	if err != nil {
		return "", err
	}
	return value, nil
}

func undo(ctx restate.Context, key string) (restate.Void, error) {
	if err := note(ctx, key, "done"); err != nil {
		return restate.Void{}, err
	}
	slept := restate.Sleep(ctx, time.Hour)
	if slept == nil {
		return restate.Void{}, nil
	}
	if err := note(ctx, key, "undone"); err != nil {
		return restate.Void{}, err
	}
	return restate.Void{}, slept
}

func fail(ctx restate.Context, message string) (restate.Void, error) {
	return restate.Void{}, restate.ToTerminalError(errors.New(message), restate.WithErrorCode(418))
}

func flaky(ctx restate.Context, key string) (int, error) {
	attempt := func(restate.RunContext) (int, error) {
		triedLock.Lock()
		defer triedLock.Unlock()
		tried[key]++
		if tried[key] < 3 {
			return 0, errors.New("not yet")
		}
		return tried[key], nil
	}
	count, err := restate.Run(ctx, attempt, restate.WithName("flaky"), restate.WithInitialRetryInterval(50*time.Millisecond))
	if err != nil {
		return 0, err
	}
	return count, nil
}

func hopeless(ctx restate.Context, _ restate.Void) (string, error) {
	attempt := func(restate.RunContext) error { return errors.New("never") }
	err := restate.RunVoid(ctx, attempt, restate.WithName("hopeless"),
		restate.WithMaxRetryAttempts(3), restate.WithInitialRetryInterval(20*time.Millisecond))
	if err != nil {
		return err.Message(), nil
	}
	return "not reached", nil
}

func countUp(ctx restate.Context, key string) (int, error) {
	for _, number := range []int{1, 2, 3} {
		restate.ObjectSend(ctx, "Counter", key, "add").Send(number)
	}
	total, err := restate.Object[int](ctx, "Counter", key, "add").Request(10)
	if err != nil {
		return 0, err
	}
	return total, nil
}

func firstOf(ctx restate.Context, _ restate.Void) (string, error) {
	slow := restate.After(ctx, time.Hour)
	quick := restate.Service[string](ctx, "Greeter", "greet").RequestFuture("race")
	first, err := restate.WaitFirst(ctx, quick, slow)
	if err != nil {
		return "", err
	}
	if first == slow {
		return "slow", nil
	}
	text, err := quick.Response()
	if err != nil {
		return "", err
	}
	return text, nil
}
