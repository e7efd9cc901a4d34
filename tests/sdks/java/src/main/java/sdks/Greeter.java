package sdks;

import dev.restate.common.function.ThrowingRunnable;
import dev.restate.sdk.Context;
import dev.restate.sdk.Select;
import dev.restate.sdk.annotation.Handler;
import dev.restate.sdk.annotation.Name;
import dev.restate.sdk.annotation.Raw;
import dev.restate.sdk.annotation.Service;
import dev.restate.sdk.common.RetryPolicy;
import dev.restate.sdk.common.TerminalException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

@Service
public class Greeter {
  private static final Duration LONG = Duration.ofHours(1);
  private static final Map<String, Integer> tried = new ConcurrentHashMap<>();

  private static ThrowingRunnable record(String line) {
    var effects = Path.of(System.getenv("EFFECTS"));
    return () -> Files.writeString(effects, line + "\n", StandardOpenOption.APPEND);
  }

  @Handler
  public String greet(Context ctx, String name) {
    return "Hello " + name;
  }

  @Handler
  @Raw
  public byte[] echo(Context ctx, @Raw byte[] payload) {
    return payload;
  }

  @Handler
  public List<Integer> steps(Context ctx, int count) {
    var results = new ArrayList<Integer>();
    for (int number = 0; number < count; number++) {
      var doubled = number * 2;
      results.add(ctx.run("step " + number, Integer.class, () -> doubled));
    }
    return results;
  }

  @Handler
  public String journey(Context ctx, String name) {
    for (int number = 0; number < 6; number++) {
      ctx.run("leg " + number, record(name + " " + number));
      ctx.sleep(Duration.ofMillis(100));
    }
    return name;
  }

  @Handler
  public String nap(Context ctx, long milliseconds) {
    ctx.sleep(Duration.ofMillis(milliseconds));
    return "rested";
  }

  @Handler
  @Name("wait_for")
  public String waitFor(Context ctx, String key) {
    var awakeable = ctx.awakeable(String.class);
    NotesClient.fromContext(ctx, key).put(awakeable.id()).await();
    return awakeable.await();
  }

  @Handler
  public void undo(Context ctx, String key) {
    var notes = NotesClient.fromContext(ctx, key);
    notes.put("done").await();
    try {
      ctx.sleep(LONG);
    } catch (TerminalException cancelled) {
      notes.put("undone").await();
      throw cancelled;
    }
  }

  @Handler
  public void fail(Context ctx, String message) {
    throw new TerminalException(418, message);
  }

  @Handler
  public int flaky(Context ctx, String key) {
    var policy = RetryPolicy.exponential(Duration.ofMillis(50), 1);
    return ctx.run(
        "flaky",
        Integer.class,
        policy,
        () -> {
          var count = tried.merge(key, 1, Integer::sum);
          if (count < 3) {
            throw new IllegalStateException("not yet");
          }
          return count;
        });
  }

  @Handler
  public String hopeless(Context ctx) {
    var policy = RetryPolicy.exponential(Duration.ofMillis(20), 1).setMaxAttempts(3);
    try {
      ctx.run(
          "hopeless",
          policy,
          () -> {
            throw new IllegalStateException("never");
          });
    } catch (TerminalException given) {
      return given.getMessage();
    }
    return "not reached";
  }

  @Handler
  @Name("count_up")
  public int countUp(Context ctx, String key) {
    for (int number : new int[] {1, 2, 3}) {
      CounterClient.fromContext(ctx, key).send().add(number);
    }
    return CounterClient.fromContext(ctx, key).add(10).await();
  }

  @Handler
  @Name("first_of")
  public String firstOf(Context ctx) {
    var slow = ctx.timer(LONG);
    var quick = GreeterClient.fromContext(ctx).greet("race");
    return Select.<String>select().or(quick).when(slow, nothing -> "slow").await();
  }
}
