#!/usr/bin/env node
import { runCli } from './cli/index.ts'

const controller = new AbortController()
for (const name of ['SIGTERM', 'SIGINT'] as const) {
  process.once(name, () => controller.abort(name))
}

process.exitCode = await runCli(process.argv.slice(2), { signal: controller.signal })

// A connection that the config module forgot to close must not keep this process alive.
setTimeout(() => process.exit(), 5_000).unref()
