import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { timingSafeEqual } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import { folderHolder } from './claim-folder.ts'
import { StackError } from './stack-error.ts'
import type { StackControls } from './stack.ts'
import { writeWhole } from './write-whole.ts'

/*
 * The supervisor's own door, for programs of this machine's user that steer a running stack (the
 * story, for one). Loopback only; the token is in a file that only that user can read.
 */

const verbs = [
  'kill',
  'stopService',
  'startService',
  'freeze',
  'resume',
  'arm',
  'killServer',
  'startServer',
] as const satisfies readonly (keyof StackControls)[]
type Verb = (typeof verbs)[number]

export interface Control {
  close(): Promise<void>
}

/** Lets other programs of this user call {@link StackControls} over HTTP. */
export async function openControl(
  dir: string,
  stack: StackControls,
  token: string,
): Promise<Control> {
  const file = join(dir, 'control.json')
  const server = createServer((request, response) => {
    void answer(request, response, stack, token)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  writeWhole(file, JSON.stringify({ port, token }))
  return {
    async close() {
      rmSync(file, { force: true })
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  stack: StackControls,
  token: string,
): Promise<void> {
  const end = (status: number, body: unknown) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  const verb = verbs.find((name) => request.url === `/${name}`)
  if (!isAuthorized(request, token)) return end(401, { detail: 'unknown token' })
  if (verb === undefined) return end(404, { detail: `one of ${verbs.join(', ')}` })
  try {
    const args = JSON.parse(await readBody(request)) as unknown[]
    await (stack[verb] as (...args: unknown[]) => Promise<void>).apply(stack, args)
    end(200, {})
  } catch (error) {
    end(400, { detail: error instanceof Error ? error.message : String(error) })
  }
}

function isAuthorized(request: IncomingMessage, token: string): boolean {
  const given = Buffer.from(request.headers.authorization ?? '')
  const wanted = Buffer.from(`Bearer ${token}`)
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) {
    text += String(chunk)
    if (text.length > 10_000) throw new RangeError('the request is too large')
  }
  return text
}

/**
 * The controls of the stack that runs in a folder.
 *
 * @throws {@link StackError} `STACK_NOT_RUNNING` when none does, or it has not got that far.
 */
export function connectControls(dir: string): StackControls {
  const { port, token } = readDoor(dir)
  const call = async (verb: Verb, args: readonly unknown[]) => {
    const response = await fetch(`http://127.0.0.1:${port}/${verb}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify(args),
    })
    const body = (await response.json()) as { detail?: string }
    if (!response.ok) throw new StackError('STACK_CONTROL', `${verb}: ${body.detail}`)
  }
  return {
    kill: (...args) => call('kill', args),
    stopService: (...args) => call('stopService', args),
    startService: (...args) => call('startService', args),
    freeze: (...args) => call('freeze', args),
    resume: (...args) => call('resume', args),
    arm: (...args) => call('arm', args),
    killServer: (...args) => call('killServer', args),
    startServer: (...args) => call('startServer', args),
  }
}

function readDoor(dir: string): { readonly port: number; readonly token: string } {
  try {
    if (folderHolder(dir) !== undefined) {
      return JSON.parse(readFileSync(join(dir, 'control.json'), 'utf8')) as {
        port: number
        token: string
      }
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  throw new StackError('STACK_NOT_RUNNING', 'PayFlow is not running here: npm start')
}
