import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Server } from '@payflow/testkit'

/**
 * Runs rabbitmqctl against a private broker and resolves with what it prints; `undefined` where its
 * tools aren't found (the broker is in a container, say).
 */
export async function rabbitmqctl(
  server: Server,
  place: { readonly home: string; readonly epmdPort: number },
  args: readonly string[],
): Promise<string | undefined> {
  const tool = toolBeside(server.pid)
  if (tool === undefined) return undefined
  const { stdout } = await promisify(execFile)(tool, args, {
    env: {
      PATH: process.env['PATH'],
      HOME: place.home,
      LANG: 'C.UTF-8',
      ERL_EPMD_PORT: String(place.epmdPort),
      RABBITMQ_NODENAME: 'payflow@localhost',
    },
    cwd: '/',
  })
  return stdout
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
