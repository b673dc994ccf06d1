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

/** What the story does to the stack. */
type Controls = Pick<StackControls, 'arm' | 'startService' | 'stopService'>

export interface Stage {
  /** The gateway. */
  readonly url: string
  /** Whether it was running before, and goes on running. */
  readonly shared: boolean
  readonly controls: Controls
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
  console.log('\n  PayFlow is not running here, so the story starts one of its own.\n')
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
  const doors = new Doors(controls)
  return {
    url: service('gateway').url,
    shared,
    controls: doors,
    entries,
    pid: (name) => service(name).pid,
    log: (name) => service(name).log,
    adminUrl(name) {
      const url = new URL(entryOf(entries(), 'postgres').url)
      url.pathname = `/payflow_${name}`
      return url.href
    },
    leave() {
      doors.close()
      return leave()
    },
  }
}

/** Ends the story's say over the stack, so that an act that is still running changes nothing more. */
class Doors implements Controls {
  readonly #controls: Controls
  #open = true

  constructor(controls: Controls) {
    this.#controls = controls
  }

  close(): void {
    this.#open = false
  }

  arm(...args: Parameters<Controls['arm']>): Promise<void> {
    return this.#pass(() => this.#controls.arm(...args))
  }

  startService(...args: Parameters<Controls['startService']>): Promise<void> {
    return this.#pass(() => this.#controls.startService(...args))
  }

  stopService(...args: Parameters<Controls['stopService']>): Promise<void> {
    return this.#pass(() => this.#controls.stopService(...args))
  }

  /** Never settles once closed: the process is about to end, and nothing is to follow. */
  #pass(call: () => Promise<void>): Promise<void> {
    return this.#open ? call() : new Promise(() => undefined)
  }
}
