/*
 * Runs a Compose file without containers: every service is a local process with the file's command
 * and the file's environment and no other, started when the file's conditions hold and believed to
 * be healthy when the file's own check says so. PostgreSQL, Redis and RabbitMQ are this machine's,
 * with the settings and passwords of the file. A process runs from the tree that the Dockerfile
 * puts into its image, as another user, who can write nothing there.
 *
 * Names of services become addresses on loopback. A name or a port that the file does not have, or
 * a secret that a service is not given, is an error here as it would be there.
 */
import { spawn } from 'node:child_process'
import { chownSync, cpSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import {
  freePort,
  spawnOwned,
  startPostgres,
  startRabbitmq,
  startRedis,
  temporaryFolder,
  waitFor,
  type OwnedProcess,
  type Server,
} from '@payflow/testkit'
import {
  durationMs,
  type ComposeFile,
  type ComposeService,
} from '../../src/compose/compose-file.ts'
import { imageConfig, type ImageConfig } from '../../src/dockerfile.ts'

const ROOT = resolve(import.meta.dirname, '../../../../..')
const SERVER_PORTS: Readonly<Record<string, number>> = {
  postgres: 5432,
  redis: 6379,
  rabbitmq: 5672,
}
const SLOWER_HERE = 4

/** How a service of the file ended, or that it runs. */
export interface Ended {
  readonly name: string
  readonly code: number | null
}

export class ComposeLite {
  readonly #file: ComposeFile
  readonly #folder = temporaryFolder('compose')
  readonly #ports = new Map<string, number>()
  readonly #servers: Server[] = []
  readonly #processes = new Map<string, OwnedProcess>()
  /** Those that have been written. */
  readonly #secrets = new Set<string>()
  readonly #trees = new Map<string, Promise<string>>()
  /** What happened, in its order: `start wallet`, `healthy wallet`, `completed migrations`. */
  readonly events: string[] = []
  /** How often each check said no before it said yes. */
  readonly refusals = new Map<string, number>()

  constructor(file: ComposeFile) {
    this.#file = file
  }

  /** `docker compose up --wait`: resolves when everything is healthy or has completed. */
  async up(): Promise<void> {
    const names = Object.keys(this.#file.services)
    for (const name of names) {
      this.#ports.set(name, await freePort())
      if (this.#service(name).environment?.['SMTP_PORT'])
        this.#ports.set(`${name} smtp`, await freePort())
    }
    mkdirSync(join(this.#folder, 'bin'))
    cpSync(process.execPath, join(this.#folder, 'bin/node'))
    const started = new Map<string, Promise<void>>()
    const start = (name: string): Promise<void> => {
      const known = started.get(name)
      if (known !== undefined) return known
      const one = this.#start(name, start)
      started.set(name, one)
      return one
    }
    // All of them come to rest, so that stop() knows of everything that was started.
    const outcomes = await Promise.allSettled(names.map(start))
    const failed = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  /** `docker compose stop`: everything that runs ends in order; says with which exit code. */
  async stop(): Promise<Ended[]> {
    const running = [...this.#processes].filter(
      ([name]) => !this.events.includes(`completed ${name}`),
    )
    const ended = running.map(async ([name, { process: child, exited }]) => {
      child.kill('SIGTERM')
      const grace = this.#service(name).stop_grace_period ?? '10s'
      const late = setTimeout(() => child.kill('SIGKILL'), durationMs(grace))
      const { code } = await exited
      clearTimeout(late)
      return { name, code }
    })
    const codes = await Promise.all(ended)
    await Promise.all(this.#servers.map((server) => server.stop()))
    return codes
  }

  /** Where a port of the host leads, the file's own choice of port replaced by a free one. */
  url(name: string): string {
    return `http://127.0.0.1:${this.#port(name)}`
  }

  log(name: string): string {
    return readFileSync(join(this.#folder, `${name}.log`), 'utf8')
  }

  async #start(name: string, start: (name: string) => Promise<void>): Promise<void> {
    const service = this.#service(name)
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      const { healthcheck } = this.#service(other)
      if (
        condition === 'service_healthy' &&
        (healthcheck?.test === undefined || healthcheck.disable)
      ) {
        throw new Error(`${name} waits for the health of ${other}, which has no check`)
      }
    }
    await Promise.all(Object.keys(service.depends_on ?? {}).map(start))
    this.events.push(`start ${name}`)
    if (service.build === undefined) await this.#startServer(name, service)
    else await this.#startProcess(name, service)
  }

  async #startServer(name: string, service: ComposeService): Promise<void> {
    const port = this.#port(name)
    const [image = ''] = service.image.split(':')
    const secretOf = (path: string): string => readFileSync(this.#secretFile(service, path), 'utf8')
    const starters: Readonly<Record<string, () => Promise<Server>>> = {
      postgres: () =>
        startPostgres({
          port,
          password: secretOf(service.environment?.['POSTGRES_PASSWORD_FILE'] ?? ''),
          settings: postgresSettings(service.command ?? []),
        }),
      redis: () => {
        const [, config = '', ...flags] = service.command ?? []
        const password = /^requirepass (.+)$/m.exec(secretOf(config))?.[1] ?? ''
        return startRedis({ port, password, settings: redisSettings(flags) })
      },
      rabbitmq: () => {
        const mount = (service.volumes ?? []).find((volume) => volume.includes('/conf.d/')) ?? ''
        const text = readFileSync(mount.split(':', 1)[0] ?? '', 'utf8')
        const [, user = ''] = /^default_user = (.+)$/m.exec(text) ?? []
        const [, password = ''] = /^default_pass = (.+)$/m.exec(text) ?? []
        return startRabbitmq({ port, user, password })
      },
    }
    const starter = starters[image]
    if (starter === undefined) throw new Error(`this machine has no ${service.image}`)
    const server = await starter()
    this.#servers.push(server)
    const [kind, ...check] = this.#localHealth(name, service)
    const shell = kind === 'CMD-SHELL' ? ['/bin/sh', '-c', ...check] : check
    const isErlangs = check[0] === 'rabbitmq-diagnostics'
    // A broker in a container keeps its cookie there; the test kit has waited until it answers.
    if (!isErlangs || server.pid !== 0) {
      const env = isErlangs ? besideTheNode(server) : { PATH: this.#pathWithClients(image, port) }
      await this.#untilHealthy(name, service, shell, env, ROOT)
    }
    this.events.push(`healthy ${name}`)
  }

  async #startProcess(name: string, service: ComposeService): Promise<void> {
    const args = service.build?.args ?? {}
    const image = imageConfig(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'), args)
    const tree = await this.#tree(args['SERVICE'] ?? '')
    const cwd = join(tree, image.workdir.replace(/^\/app/, ''))
    const env = this.#environment(name, service, image)
    const output = openSync(join(this.#folder, `${name}.log`), 'a')
    const [program = '', ...rest] = service.command ?? image.command
    const child = await spawnOwned(program, {
      args: rest,
      cwd,
      env,
      stdio: ['ignore', output, output],
      owner: userOf(image),
    })
    this.#processes.set(name, child)
    if (service.restart === 'no') {
      const { code } = await child.exited
      if (code !== 0) throw new Error(`${name} ended with ${code}:\n${this.log(name)}`)
      this.events.push(`completed ${name}`)
      return
    }
    const [, ...check] = this.#localHealth(name, service)
    const died = child.exited.then(({ code }) => {
      throw new Error(`${name} ended with ${code}:\n${this.log(name)}`)
    })
    await Promise.race([this.#untilHealthy(name, service, check, env, cwd), died])
    this.events.push(`healthy ${name}`)
    died.catch(() => undefined)
  }

  /** Asks the file's check until it says yes, for as long as the file allows. */
  async #untilHealthy(
    name: string,
    service: ComposeService,
    [program = '', ...args]: readonly string[],
    env: NodeJS.ProcessEnv,
    cwd: string,
  ): Promise<void> {
    const {
      interval = '30s',
      retries = 3,
      start_period: patience = '0s',
    } = service.healthcheck ?? {}
    const timeoutMs = durationMs(patience) + retries * durationMs(interval)
    const healthy = async (): Promise<boolean> => {
      const child = spawn(program, args, { env, cwd, stdio: 'ignore' })
      const code = await new Promise((done) => {
        child.once('error', () => done(127))
        child.once('exit', done)
      })
      if (code !== 0) this.refusals.set(name, (this.refusals.get(name) ?? 0) + 1)
      return code === 0
    }
    await waitFor(healthy, {
      timeoutMs: timeoutMs * SLOWER_HERE,
      intervalMs: 200,
      message: () => `${name} to be healthy`,
    })
  }

  #localHealth(name: string, service: ComposeService): string[] {
    const test = service.healthcheck?.test
    if (test === undefined) throw new Error(`${name} has no health check`)
    return test.map((part) => this.#local(name, service, part))
  }

  #environment(name: string, service: ComposeService, image: ImageConfig): NodeJS.ProcessEnv {
    const env: Record<string, string> = { ...image.env, PATH: join(this.#folder, 'bin') }
    for (const [variable, value] of Object.entries(service.environment ?? {})) {
      env[variable] = this.#local(name, service, String(value))
    }
    for (const mount of service.tmpfs ?? []) {
      const [path = ''] = mount.split(':', 1)
      const folder = join(this.#folder, `${name}${path.replaceAll('/', '-')}`)
      mkdirSync(folder)
      const owner = userOf(image)
      if (owner !== undefined) chownSync(folder, owner.uid, owner.gid)
      for (const [variable, value] of Object.entries(env))
        if (value === path) env[variable] = folder
    }
    const smtpPort = this.#ports.get(`${name} smtp`)
    if (smtpPort !== undefined) env['SMTP_PORT'] = String(smtpPort)
    // Whoever may connect is decided by networks there, and by loopback here.
    return { ...env, HOST: '127.0.0.1', PORT: String(this.#port(name)) }
  }

  /** A text of the file with the paths of its secrets and the addresses of its services as here. */
  #local(name: string, service: ComposeService, text: string): string {
    return this.#addressesIn(
      name,
      text.replace(/\/run\/secrets\/[\w.-]+/g, (path) => this.#secretFile(service, path)),
    )
  }

  #addressesIn(name: string, text: string): string {
    return text.replace(/(:\/\/(?:[^@/\s]*@)?)([a-z][\w-]*):(\d+)/g, (_, before, host, port) => {
      if (host === 'localhost') return `${before}127.0.0.1:${this.#published(Number(port))}`
      const other = this.#service(String(host))
      const { PORT = SERVER_PORTS[String(host)], SMTP_PORT } = other.environment ?? {}
      const isMail = SMTP_PORT === String(port)
      if (!isMail && String(PORT) !== String(port)) {
        throw new Error(`${name} looks for ${host} on port ${port}, but it is on ${PORT}`)
      }
      const shared = (other.networks ?? []).some((one) =>
        (this.#service(name).networks ?? []).includes(one),
      )
      if (!shared) throw new Error(`${name} and ${host} share no network`)
      return `${before}127.0.0.1:${this.#port(isMail ? `${host} smtp` : String(host))}`
    })
  }

  /** The file behind `/run/secrets/NAME`, its addresses as here. */
  #secretFile(service: ComposeService, path: string): string {
    const secret = path.replace(/^\/run\/secrets\//, '')
    const source = this.#file.secrets[secret]?.file
    if (source === undefined || !(service.secrets ?? []).includes(secret)) {
      throw new Error(`${path} is no secret of ${service.image}`)
    }
    const copy = join(this.#folder, `secret-${secret}`)
    const user = Object.keys(this.#file.services).find((name) => this.#service(name) === service)
    // Looked at for each service, which must reach what the secret names, and written for the first
    // only: others may be reading it, and nobody but root may write it a second time.
    const text = this.#addressesIn(user ?? '', readFileSync(source, 'utf8'))
    if (!this.#secrets.has(secret)) writeFileSync(copy, text, { mode: 0o444, flag: 'wx' })
    this.#secrets.add(secret)
    return copy
  }

  /** What the Dockerfile puts into the image. Two services may share one. */
  #tree(service: string): Promise<string> {
    const made = this.#trees.get(service)
    if (made !== undefined) return made
    const tree = join(this.#folder, 'images', service.replaceAll('/', '-'))
    const script = join(ROOT, 'scripts/image-tree.ts')
    const one = spawnOwned(process.execPath, {
      args: [script, service, tree],
      cwd: ROOT,
      stdio: 'ignore',
    })
      .then(({ exited }) => exited)
      .then(({ code }) => {
        if (code !== 0) throw new Error(`${script} ${service} ended with ${code}`)
        return tree
      })
    this.#trees.set(service, one)
    return one
  }

  /** The clients of the servers on this machine, told where those are. */
  #pathWithClients(image: string, port: number): string {
    const bin = join(this.#folder, `clients-${image}`)
    mkdirSync(bin)
    const path = process.env['PATH'] ?? ''
    for (const [program, flag] of [
      ['pg_isready', `--port=${port}`],
      ['redis-cli', `-p ${port}`],
    ]) {
      const script = `#!/bin/sh\nPATH='${path}'\nexec ${program} ${flag} "$@"\n`
      writeFileSync(join(bin, program ?? ''), script, { mode: 0o755 })
    }
    return `${bin}:${path}`
  }

  /** Where a browser on this machine gets to by a port of the file. */
  #published(port: number): number {
    const found = Object.entries(this.#file.services).find(([, { ports = [] }]) =>
      ports.some((one) => one.startsWith(`127.0.0.1:${port}:`)),
    )
    if (found === undefined) throw new Error(`nothing is published on port ${port}`)
    return this.#port(found[0])
  }

  #port(name: string): number {
    const port = this.#ports.get(name)
    if (port === undefined) throw new Error(`the file has no service ${name}`)
    return port
  }

  #service(name: string): ComposeService {
    const service = this.#file.services[name]
    if (service === undefined) throw new Error(`the file has no service ${name}`)
    return service
  }
}

/** Only root may become somebody else; anybody else is unprivileged already. */
function userOf({ user }: ImageConfig): { uid: number; gid: number } | undefined {
  const [uid, gid] = user.split(':').map(Number)
  if (process.getuid?.() !== 0 || uid === undefined || gid === undefined) return undefined
  return { uid, gid }
}

/** `postgres -c name=value …` */
function postgresSettings([, ...flags]: readonly string[]): Record<string, string> {
  const pairs = flags.filter((flag) => flag !== '-c').map((flag) => flag.split('=', 2))
  return Object.fromEntries(pairs) as Record<string, string>
}

/** `--name value …` */
function redisSettings(flags: readonly string[]): Record<string, string> {
  const settings: Record<string, string> = {}
  for (let at = 0; at < flags.length; at += 2) {
    settings[(flags[at] ?? '').replace(/^--/, '')] = flags[at + 1] ?? ''
  }
  return settings
}

/** What RabbitMQ's own programs need to speak to a node through Erlang: its cookie, its name, its epmd. */
function besideTheNode({ pid }: Server): NodeJS.ProcessEnv {
  const lines = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  const of = (name: string) => lines.find((line) => line.startsWith(`${name}=`))?.split('=', 2)[1]
  const tools = join(dirname(of('ERL_LIBS') ?? ''), 'sbin')
  return {
    PATH: `${tools}:${of('PATH') ?? ''}`,
    HOME: of('HOME'),
    LANG: 'C.UTF-8',
    ERL_EPMD_PORT: of('ERL_EPMD_PORT'),
    RABBITMQ_NODENAME: of('RABBITMQ_NODENAME') ?? 'payflow@localhost',
  }
}
