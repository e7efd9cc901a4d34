package sdks;

import dev.restate.sdk.ObjectContext;
import dev.restate.sdk.annotation.Handler;
import dev.restate.sdk.annotation.VirtualObject;
import dev.restate.sdk.common.StateKey;

@VirtualObject
public class Counter {
  private static final StateKey<Integer> TOTAL = StateKey.of("total", Integer.class);

  @Handler
  public int add(ObjectContext ctx, int number) {
    var total = ctx.get(TOTAL).orElse(0) + number;
    ctx.set(TOTAL, total);
    return total;
  }

  @Handler
  public void clear(ObjectContext ctx) {
    ctx.clear(TOTAL);
  }
}
