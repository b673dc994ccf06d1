/*
 * A real Prometheus that scrapes a running PayFlow every two seconds (wallet-service: every five), with the alerts as they are but
 * for their patience: what has to be so for minutes has to be so for seconds.
 */
import { mkdirSync, openSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { PROCESS_PORTS, type PayflowProcess } from '@payflow-app/contracts/arrows'
import type { Stack } from '@payflow-app/stack'
import {
  findPrometheus,
  freePort,
  spawnOwned,
  temporaryFolder,
  waitFor,
  type OwnedProcess,
} from '@payflow/testkit'
import { ruleGroups, yaml } from '../../src/rules.ts'

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 }
/** A sixtieth, and never longer than this. */
const PATIENCE_MAX_S = 5

/** Of a mesh, which makes itself a new one every day. */
const OTHERS_CERTIFICATE = 'name="linkerd-identity-issuer",namespace="linkerd"'

/** One alert as Prometheus' API shows it. */
interface LiveAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly state: 'pending' | 'firing'
}

/** A series as the API shows it: its name is a label. */
type Series = Readonly<Record<string, string>>

/** Prometheus beside a stack, to be asked and to be stopped. */
export class LivePrometheus {
  readonly #url: string
  readonly #process: OwnedProcess
  readonly #certManager: Server
  /** Every alert that has fired so far, as it was seen first. */
  readonly seen = new Map<string, LiveAlert>()
  readonly promtool: string

  private constructor(
    url: string,
    process: OwnedProcess,
    { promtool, certManager }: { promtool: string; certManager: Server },
  ) {
    this.#url = url
    this.#process = process
    this.promtool = promtool
    this.#certManager = certManager
  }

  static async start(stack: Stack): Promise<LivePrometheus> {
    const { prometheus, promtool } = await findPrometheus()
    const folder = temporaryFolder('prometheus')
    mkdirSync(folder, { recursive: true })
    const certManager = await startCertManager()
    const { port: standIn } = certManager.address() as AddressInfo
    const port = await freePort()
    writeFileSync(join(folder, 'rules.yml'), yaml({ groups: hurried() }))
    writeFileSync(
      join(folder, 'prometheus.yml'),
      yaml({
        global: { scrape_interval: '2s', scrape_timeout: '2s', evaluation_interval: '1s' },
        rule_files: ['rules.yml'],
        scrape_configs: [
          {
            job_name: 'payflow',
            static_configs: targets(stack, (name) => name !== 'wallet'),
          },
          {
            // What reads the ledger waits up to three seconds for a connection when all are taken.
            job_name: 'wallet',
            scrape_interval: '5s',
            scrape_timeout: '5s',
            static_configs: targets(stack, (name) => name === 'wallet'),
          },
          { job_name: 'cert-manager', static_configs: [{ targets: [`127.0.0.1:${standIn}`] }] },
        ],
      }),
    )
    const output = openSync(join(folder, 'prometheus.log'), 'a')
    const process = await spawnOwned(prometheus, {
      args: [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      stdio: ['ignore', output, output],
    })
    const live = new LivePrometheus(`http://127.0.0.1:${port}`, process, { promtool, certManager })
    await waitFor(async () => (await fetch(`${live.#url}/-/ready`)).ok, {
      timeoutMs: 60_000,
      message: 'Prometheus to start',
    })
    return live
  }

  /** Alerts that fire now. */
  async firing(): Promise<LiveAlert[]> {
    const { alerts } = await this.#get<{ alerts: LiveAlert[] }>('alerts')
    const firing = alerts.filter(({ state }) => state === 'firing')
    for (const alert of firing) {
      const name = alert.labels['alertname'] ?? ''
      if (!this.seen.has(name)) this.seen.set(name, alert)
    }
    return firing
  }

  /**
   * Resolves when all of these have fired, while `provoke` is done again and again.
   */
  async fires(names: readonly string[], provoke: () => unknown = () => undefined): Promise<void> {
    const missing = () => names.filter((name) => !this.seen.has(name))
    await waitFor(
      async () => {
        await provoke()
        await this.firing()
        return missing().length === 0
      },
      { timeoutMs: 90_000, intervalMs: 250, message: `${names.join(', ')} to fire` },
    ).catch((error: Error) => {
      throw new Error(`${missing().join(', ')} did not fire`, { cause: error })
    })
  }

  /** The value of an expression that has one. */
  async value(expr: string): Promise<number | undefined> {
    const query = `query?query=${encodeURIComponent(expr)}`
    const { result } = await this.#get<{ result: { value: [number, string] }[] }>(query)
    const text = result[0]?.value[1]
    return text === undefined ? undefined : Number(text)
  }

  /** All series that a selector has ever had here. */
  series(selector: string): Promise<Series[]> {
    return this.#get<Series[]>(`series?match[]=${encodeURIComponent(selector)}`)
  }

  async stop(): Promise<void> {
    this.#process.process.kill('SIGTERM')
    await this.#process.exited
    this.#certManager.close()
  }

  async #get<T>(path: string): Promise<T> {
    const answer = await fetch(`${this.#url}/api/v1/${path}`)
    const { status, data } = (await answer.json()) as { status: string; data: T }
    if (status !== 'success') throw new Error(`Prometheus answered ${answer.status} to ${path}`)
    return data
  }
}

function targets(stack: Stack, which: (name: PayflowProcess) => boolean) {
  return (Object.keys(PROCESS_PORTS) as PayflowProcess[]).filter(which).map((name) => ({
    targets: [new URL(stack.serviceUrl(name)).host],
    labels: { process: name },
  }))
}

function hurried() {
  return ruleGroups().map(({ name, rules }) => ({
    name,
    rules: rules.map((rule) => ({ ...rule, ...(rule.for !== undefined && soon(rule.for)) })),
  }))
}

function soon(patience: string): { for: string } {
  const [, count = '', unit = ''] = /^(\d+)([smh])$/.exec(patience) ?? []
  const seconds = (Number(count) * (SECONDS[unit] ?? 0)) / 60
  return { for: `${Math.round(Math.min(seconds, PATIENCE_MAX_S) * 1_000)}ms` }
}

/** Says of two certificates that they end in three days, in the words of cert-manager. */
async function startCertManager(): Promise<Server> {
  const name = 'certmanager_certificate_expiration_timestamp_seconds'
  const server = createServer((_, answer) => {
    const endsAt = Math.round(Date.now() / 1_000) + 3 * 86_400
    answer.setHeader('content-type', 'text/plain; version=0.0.4')
    const lines = ['name="gateway-tls",namespace="payflow"', OTHERS_CERTIFICATE].map(
      (labels) => `${name}{${labels}} ${endsAt}\n`,
    )
    answer.end(`# TYPE ${name} gauge\n${lines.join('')}`)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return server
}
