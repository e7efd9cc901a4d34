// The application of these tests, with the official TypeScript SDK. Effects go to the file that EFFECTS names.
import { appendFileSync } from "node:fs";
import { createServer as createServer1 } from "node:http";
import { createServer as createServer2 } from "node:http2";
import { createRequire } from "node:module";

// The SDK needs this function of newer versions of Node.
Promise.withResolvers ??= function () {
  let resolve, reject;
  const promise = new this((one, other) => ([resolve, reject] = [one, other]));
  return { promise, resolve, reject };
};

const installed = createRequire(`${process.env.NODE_MODULES}/`);
const restate = installed("@restatedev/restate-sdk");
const tried = new Map();

const notes = restate.object({
  name: "Notes",
  handlers: {
    put: async (ctx, value) => ctx.set("value", value),
    get: restate.handlers.object.shared(async (ctx) => ctx.get("value")),
  },
});

const counter = restate.object({
  name: "Counter",
  handlers: {
    add: async (ctx, number) => {
      const total = ((await ctx.get("total")) ?? 0) + number;
      ctx.set("total", total);
      return total;
    },
    clear: async (ctx) => ctx.clear("total"),
  },
});

const greeter = restate.service({
  name: "Greeter",
  handlers: {
    greet: async (ctx, name) => `Hello ${name}`,
    echo: restate.handlers.handler(
      { input: restate.serde.binary, output: restate.serde.binary },
      async (ctx, payload) => payload,
    ),
    steps: async (ctx, count) => {
      const results = [];
      for (let number = 0; number < count; number++) results.push(await ctx.run(`step ${number}`, () => number * 2));
      return results;
    },
    journey: async (ctx, name) => {
      for (let number = 0; number < 6; number++) {
        await ctx.run(`leg ${number}`, () => appendFileSync(process.env.EFFECTS, `${name} ${number}\n`));
        await ctx.sleep(100);
      }
      return name;
    },
    nap: async (ctx, milliseconds) => {
      await ctx.sleep(milliseconds);
      return "rested";
    },
    wait_for: async (ctx, key) => {
      const { id, promise } = ctx.awakeable();
      await ctx.objectClient(notes, key).put(id);
      return promise;
    },
    undo: async (ctx, key) => {
      await ctx.objectClient(notes, key).put("done");
      try {
        await ctx.sleep(3_600_000);
      } catch (error) {
        if (error instanceof restate.TerminalError) await ctx.objectClient(notes, key).put("undone");
        throw error;
      }
    },
    fail: async (ctx, message) => {
      throw new restate.TerminalError(message, { errorCode: 418 });
    },
    flaky: async (ctx, key) =>
      ctx.run(
        "flaky",
        () => {
          tried.set(key, (tried.get(key) ?? 0) + 1);
          if (tried.get(key) < 3) throw new Error("not yet");
          return tried.get(key);
        },
        { initialRetryInterval: 50 },
      ),
    hopeless: async (ctx) => {
      const attempt = () => {
        throw new Error("never");
      };
      try {
        await ctx.run("hopeless", attempt, { maxRetryAttempts: 3, initialRetryInterval: 20 });
      } catch (error) {
        return error.message;
      }
      return "not reached";
    },
    count_up: async (ctx, key) => {
      for (const number of [1, 2, 3]) ctx.objectSendClient(counter, key).add(number);
      return ctx.objectClient(counter, key).add(10);
    },
    first_of: async (ctx) => {
      const quick = ctx.serviceClient(greeter).greet("race");
      const slow = ctx.sleep(3_600_000).map(() => "slow");
      return restate.RestatePromise.race([quick, slow]);
    },
  },
});

const payment = restate.workflow({
  name: "Payment",
  handlers: {
    run: async (ctx, amount) => {
      ctx.set("status", "waiting");
      return `${amount} ${await ctx.promise("decision")}`;
    },
    decide: async (ctx, decision) => ctx.promise("decision").resolve(decision),
  },
});

const endpoint = restate.endpoint();
for (const definition of [greeter, counter, notes, payment]) endpoint.bind(definition);
if (process.env.IDENTITY_KEY) endpoint.withIdentityV1(process.env.IDENTITY_KEY);
const mode = process.env.MODE;
const server =
  mode === "http1"
    ? createServer1(endpoint.http1Handler())
    : createServer2(endpoint.http2Handler({ bidirectional: mode === "duplex" }));
server.listen(Number(process.env.PORT), "127.0.0.1");
