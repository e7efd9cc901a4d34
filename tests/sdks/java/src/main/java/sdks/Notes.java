package sdks;

import dev.restate.sdk.ObjectContext;
import dev.restate.sdk.SharedObjectContext;
import dev.restate.sdk.annotation.Handler;
import dev.restate.sdk.annotation.Shared;
import dev.restate.sdk.annotation.VirtualObject;
import dev.restate.sdk.common.StateKey;

@VirtualObject
public class Notes {
  private static final StateKey<String> VALUE = StateKey.of("value", String.class);

  @Handler
  public void put(ObjectContext ctx, String value) {
    ctx.set(VALUE, value);
  }

  @Handler
  @Shared
  public String get(SharedObjectContext ctx) {
    return ctx.get(VALUE).orElse(null);
  }
}
