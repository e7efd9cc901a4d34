package sdks;

import dev.restate.sdk.SharedWorkflowContext;
import dev.restate.sdk.WorkflowContext;
import dev.restate.sdk.annotation.Handler;
import dev.restate.sdk.annotation.Workflow;
import dev.restate.sdk.common.DurablePromiseKey;
import dev.restate.sdk.common.StateKey;

@Workflow
public class Payment {
  private static final StateKey<String> STATUS = StateKey.of("status", String.class);
  private static final DurablePromiseKey<String> DECISION = DurablePromiseKey.of("decision", String.class);

  @Workflow
  public String run(WorkflowContext ctx, int amount) {
    ctx.set(STATUS, "waiting");
    var decision = ctx.promise(DECISION).future().await();
    return amount + " " + decision;
  }

  @Handler
  public void decide(SharedWorkflowContext ctx, String decision) {
    ctx.promiseHandle(DECISION).resolve(decision);
  }
}
