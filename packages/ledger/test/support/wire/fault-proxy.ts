import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import {
  backendPidOf,
  CANCEL_REQUEST,
  codeOf,
  type Frame,
  Framer,
  isNegotiation,
  StatementTexts,
} from './frames.ts'

/**
 * Where in the life of a statement its connection is cut, and what that means for a statement that
 * commits by itself, or for a COMMIT:
 *
 * - `before_statement`: PostgreSQL never sees it. Not applied.
 * - `before_sync`: it runs, but the Sync that would commit it never arrives. Not applied.
 * - `in_flight`: all of it is sent, and nothing is waited for. Nobody knows.
 * - `before_answer`: PostgreSQL is done with it. Applied; nothing of the answer comes through.
 * - `mid_answer`: applied; half of the answer's bytes come through.
 * - `before_ready`: applied; all of the answer comes but ReadyForQuery, its last message.
 */
export type CutAt =
  | 'before_statement'
  | 'before_sync'
  | 'in_flight'
  | 'before_answer'
  | 'mid_answer'
  | 'before_ready'

export interface Cut {
  readonly at: CutAt
  /** The next statement whose text matches is the one. */
  readonly statement: RegExp
  /** End the client's side with RST, which it reads as ECONNRESET. @defaultValue FIN, an orderly end */
  readonly reset?: boolean
}

/** A wire between a driver and PostgreSQL that can be cut between two messages. */
export interface FaultProxy extends AsyncDisposable {
  /** The address of the database through this wire. */
  readonly url: string
  /** Arms one cut, instead of any that is armed. */
  arm(cut: Cut): void
  /** Takes an armed cut back. True: it had not happened. */
  disarm(): boolean
  /** Cuts every connection at once. */
  dropAll(reset?: boolean): void
  /** How many armed cuts have happened. */
  readonly cuts: number
  /** Process id of the backend behind the last connection that was cut as armed. */
  readonly cutBackendPid: number | null
  /** Process ids of the backends behind the connections that are open, oldest first. */
  readonly backendPids: readonly number[]
  close(): Promise<void>
}

/**
 * Listens on a free port of loopback in front of the server of `target`. Understands sessions without
 * encryption; a client that asks for it is told that there is none.
 */
export async function faultProxy(target: string): Promise<FaultProxy> {
  const behind = new URL(target)
  const connections = new Set<Connection>()
  const state: ProxyState = { armed: null, cuts: 0, cutBackendPid: null }
  const server: Server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({
      port: Number(behind.port === '' ? 5432 : behind.port),
      host: behind.hostname,
      noDelay: true,
    })
    const connection = new Connection(client, upstream, state)
    connections.add(connection)
    client.once('close', () => connections.delete(connection))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(target)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as { port: number }).port)
  const proxy: FaultProxy = {
    url: url.href,
    arm(cut) {
      state.armed = cut
    },
    disarm() {
      const wasArmed = state.armed !== null
      state.armed = null
      return wasArmed
    },
    dropAll(reset = false) {
      for (const connection of connections) connection.cut(reset)
    },
    get cuts() {
      return state.cuts
    },
    get cutBackendPid() {
      return state.cutBackendPid
    },
    get backendPids() {
      return [...connections].flatMap(({ backendPid }) => (backendPid === null ? [] : [backendPid]))
    },
    async close() {
      proxy.dropAll()
      await new Promise((resolve) => server.close(resolve))
    },
    [Symbol.asyncDispose]: () => proxy.close(),
  }
  return proxy
}

interface ProxyState {
  armed: Cut | null
  cuts: number
  cutBackendPid: number | null
}

/** One session: two sockets, and how far the statement that is to be cut has come. */
class Connection {
  backendPid: number | null = null
  readonly #client: Socket
  readonly #upstream: Socket
  readonly #state: ProxyState
  readonly #fromClient = new Framer(true)
  readonly #fromServer = new Framer(false)
  readonly #texts = new StatementTexts()
  /** The cut that the statement under way is to suffer. */
  #due: Cut | null = null
  #withheld: Buffer[] = []
  #over = false

  constructor(client: Socket, upstream: Socket, state: ProxyState) {
    this.#client = client
    this.#upstream = upstream
    this.#state = state
    client.on('data', (chunk) => this.#clientSays(chunk))
    upstream.on('data', (chunk) => this.#serverSays(chunk))
    // Whichever side ends, the other learns of it after the bytes that are on their way to it.
    client.on('error', () => this.#end()).on('close', () => this.#end())
    upstream.on('error', () => this.#end()).on('close', () => this.#end())
  }

  /** Ends both sides at once; what is on its way is lost. */
  cut(reset: boolean): void {
    this.#over = true
    if (reset) this.#client.resetAndDestroy()
    else this.#client.destroy()
    this.#upstream.destroy()
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    this.#client.end()
    this.#upstream.end()
  }

  #clientSays(chunk: Buffer): void {
    const passed: Buffer[] = []
    for (const frame of this.#fromClient.push(chunk)) {
      if (this.#over) return
      if (frame.type === '' && this.#negotiated(frame)) continue
      this.#notice(frame)
      const due = this.#due
      if (due === null) {
        passed.push(frame.bytes)
        continue
      }
      const isEnd = frame.type === 'S' || frame.type === 'Q'
      if (due.at === 'before_statement' || (due.at === 'before_sync' && isEnd)) {
        // What came before it is PostgreSQL's to run.
        this.#sendThenCut(passed, due)
        return
      }
      passed.push(frame.bytes)
      if (due.at === 'in_flight' && isEnd) {
        this.#sendThenCut(passed, due)
        return
      }
    }
    if (passed.length > 0 && !this.#over) this.#upstream.write(Buffer.concat(passed))
  }

  #notice(frame: Frame): void {
    const text = this.#texts.read(frame)
    const { armed } = this.#state
    if (text === null || this.#due !== null || armed?.statement.test(text) !== true) return
    this.#due = armed
    this.#state.armed = null
  }

  #negotiated(frame: Frame): boolean {
    const code = codeOf(frame.bytes)
    if (isNegotiation(code)) this.#client.write('N')
    else if (code === CANCEL_REQUEST) this.#upstream.write(frame.bytes)
    else return false
    return true
  }

  #countCut(): void {
    this.#over = true
    this.#state.cuts += 1
    this.#state.cutBackendPid = this.backendPid
  }

  #sendThenCut(passed: readonly Buffer[], due: Cut): void {
    this.#countCut()
    this.#client.pause()
    if (passed.length === 0) this.cut(due.reset ?? false)
    else this.#upstream.write(Buffer.concat(passed), () => this.cut(due.reset ?? false))
  }

  #serverSays(chunk: Buffer): void {
    const passed: Buffer[] = []
    for (const frame of this.#fromServer.push(chunk)) {
      if (frame.type === 'K') this.backendPid = backendPidOf(frame)
      // At a cut before the answer, PostgreSQL is through when it is ready for the next statement.
      if (this.#due === null) passed.push(frame.bytes)
      else if (frame.type === 'Z') return this.#answered(this.#due)
      else this.#withheld.push(frame.bytes)
    }
    if (passed.length > 0 && !this.#over) this.#client.write(Buffer.concat(passed))
  }

  #answered(due: Cut): void {
    if (this.#over) return
    this.#countCut()
    const answer = Buffer.concat(this.#withheld)
    const shown = due.at === 'mid_answer' ? answer.subarray(0, answer.length / 2) : answer
    if (due.at === 'before_answer' || shown.length === 0) this.cut(due.reset ?? false)
    else this.#client.write(shown, () => this.cut(due.reset ?? false))
  }
}
