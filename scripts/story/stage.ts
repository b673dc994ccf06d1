/*
 * Where the story plays: on the stack of `npm start` if one runs, else on one of its own.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  connectControls,
  folderHolder,
  readStackFile,
  startStack,
  type DatabaseName,
  type ServiceName,
  type StackControls,
  type StackEntry,
} from '@payflow-app/stack'
import { waitFor } from '@payflow/testkit'
import { StartScreen } from '../lib/start-screen.ts'
import { entryOf } from '../look/sql.ts'

const READY_TIMEOUT_MS = 120_000

export interface Stage {
  /** The gateway. */
  readonly url: string
  /** Whether it was running before, and goes on running. */
  readonly shared: boolean
  readonly controls: StackControls
  entries(): readonly StackEntry[]
  /** The number of a service's process, 0 while there is none. */
  pid(name: ServiceName): number
  log(name: ServiceName): string
  /** One service's database, for an auditor who may read everything. */
  adminUrl(name: DatabaseName): string
  /** Leaves a stack of one's own stopped, and any other as it was found. */
  leave(): Promise<void>
}

/** Finds the running stack of a folder, or starts one in a temporary folder, with progress. */
export async function openStage(dir: string): Promise<Stage> {
  return folderHolder(dir) === undefined ? startOwn() : joinRunning(dir)
}

async function joinRunning(dir: string): Promise<Stage> {
  await waitFor(() => existsSync(join(dir, 'control.json')), {
    timeoutMs: READY_TIMEOUT_MS,
    message: 'PayFlow to have started (npm start, in another terminal)',
  })
  const controls = connectControls(dir)
  const stage = stageOf(dir, true, controls, async () => {
    // Whatever happened in between: the wallet that somebody else is using has its worker again.
    await controls.startService('worker')
  })
  // Left down by a story that was cut short.
  await controls.startService('worker')
  await waitFor(async () => (await fetch(`${stage.url}/health/ready`)).ok, {
    timeoutMs: READY_TIMEOUT_MS,
    message: 'the gateway to be ready',
  })
  return stage
}

async function startOwn(): Promise<Stage> {
  const screen = new StartScreen()
  try {
    const stack = await startStack({ onProgress: (progress) => screen.show(progress) })
    return stageOf(stack.dir, false, stack, () => stack.stop())
  } finally {
    screen.finish()
  }
}

function stageOf(
  dir: string,
  shared: boolean,
  controls: StackControls,
  leave: () => Promise<void>,
): Stage {
  const entries = () => readStackFile(dir)
  const service = (name: ServiceName): StackEntry => {
    const entry = entries().find((candidate) => candidate.name === name)
    if (entry === undefined) throw new Error(`the running stack has no ${name}`)
    return entry
  }
  return {
    url: service('gateway').url,
    shared,
    controls,
    entries,
    pid: (name) => service(name).pid,
    log: (name) => service(name).log,
    adminUrl(name) {
      const url = new URL(entryOf(entries(), 'postgres').url)
      url.pathname = `/payflow_${name}`
      return url.href
    },
    leave,
  }
}
