// vitest set-up file: runs in the worker, before each test file.
import fc from 'fast-check'
import { afterAll, inject } from 'vitest'
import { expectNothingOpen, openHandles } from './leak-guard.ts'
import { parseSeed, seed, useSeed } from './seed.ts'
import { setRunContext } from './shared-servers.ts'
import type {} from './provided-context.ts'

const run = inject('payflowRun')
if (run !== undefined) setRunContext(run)
useSeed(parseSeed(process.env['TEST_SEED']) ?? run?.seed ?? seed())
fc.configureGlobal({ seed: seed() })

const before = openHandles()
// The set-up file registers first and vitest runs after-hooks in reverse: this is the last thing to happen.
afterAll(() => expectNothingOpen(before), 60_000)
