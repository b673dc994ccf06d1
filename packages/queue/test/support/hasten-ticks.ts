import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Server } from '@payflow/testkit'

/**
 * Makes a private broker look for overdue acknowledgements twice a second. It does so once a minute
 * by default, and rabbitmq.conf has no name for the interval, so this asks the running node.
 * Where its tools aren't found (the broker is in a container, say) the minute has to be waited out.
 */
export async function hastenTicks(server: Server, home: string, epmdPort: number): Promise<void> {
  const tool = toolBeside(server.pid)
  if (tool === undefined) return
  await promisify(execFile)(
    tool,
    ['eval', 'application:set_env(rabbit, channel_tick_interval, 500).'],
    {
      env: {
        PATH: process.env['PATH'],
        HOME: home,
        LANG: 'C.UTF-8',
        ERL_EPMD_PORT: String(epmdPort),
        RABBITMQ_NODENAME: 'payflow@localhost',
      },
      cwd: '/',
    },
  )
}

/** The node's libraries are in the folder beside its tools. */
function toolBeside(pid: number): string | undefined {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    const libraries = environment.find((line) => line.startsWith('ERL_LIBS='))?.slice(9)
    if (libraries === undefined) return undefined
    const tool = join(dirname(libraries), 'sbin', 'rabbitmqctl')
    return existsSync(tool) ? tool : undefined
  } catch {
    return undefined
  }
}
