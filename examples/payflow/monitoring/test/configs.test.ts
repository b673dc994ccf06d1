/*
 * Goal: Prometheus, Loki, Alloy and Grafana can read what they are given.
 * Method: promtool for Prometheus. The others cannot be run here, so their files are compared with
 * what their documentation knows, strictly: an unknown key is an error. docs/monitoring.md says how to
 * run them.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PROCESS_PORTS } from '@payflow-app/contracts/arrows'
import { findPrometheus } from '@payflow/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { alloyFaults } from '../src/alloy.ts'
import { dashboardProviders, datasources, lokiConfig } from '../src/schemas.ts'
import { DASHBOARDS } from '../src/dashboards/index.ts'
import { STREAM_LABELS } from '../src/faults.ts'

const root = join(import.meta.dirname, '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const folder = mkdtempSync(join(tmpdir(), 'payflow-configs-'))
let promtool: string

beforeAll(async () => {
  ;({ promtool } = await findPrometheus())
  cpSync(join(root, 'prometheus'), folder, { recursive: true })
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true }))

function check(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return execFileSync(promtool, ['check', 'config', join(folder, name)], {
    encoding: 'utf8',
    stdio: 'pipe',
  })
}

interface ScrapeJob {
  readonly dns_sd_configs?: readonly { readonly names: readonly string[]; readonly port: number }[]
  readonly static_configs?: readonly {
    readonly targets: readonly string[]
    readonly labels: { readonly process: string }
  }[]
  readonly kubernetes_sd_configs?: unknown
}
const jobsOf = (name: string) =>
  (parse(read(`prometheus/${name}`)) as { scrape_configs: ScrapeJob[] }).scrape_configs

describe('Prometheus', () => {
  test.each(['prometheus.yml', 'prometheus-static.yml'])('reads %s and finds its rules', (name) => {
    expect(check(name, read(`prometheus/${name}`))).toContain('SUCCESS: 1 rule files found')
  })

  test('reads the file for Kubernetes, but for what Debian leaves out', () => {
    const whole = parse(read('prometheus/prometheus-kubernetes.yml')) as {
      scrape_configs: Record<string, unknown>[]
    }
    for (const job of whole.scrape_configs) {
      expect(job['kubernetes_sd_configs']).toEqual([
        { role: 'pod', namespaces: { names: ['payflow'] } },
      ])
      delete job['kubernetes_sd_configs']
    }
    expect(check('kubernetes.yml', stringify(whole))).toContain('SUCCESS: 1 rule files found')
  })

  test('notices a key it does not know', () => {
    expect(() => check('broken.yml', 'scrape_config: []\n')).toThrow('scrape_config')
  })

  test('scrapes every process where it listens', () => {
    const byName = jobsOf('prometheus.yml').flatMap(({ dns_sd_configs: names = [] }) =>
      names.map(({ names: [name = ''], port }) => [name, port]),
    )
    const byAddress = jobsOf('prometheus-static.yml').flatMap(({ static_configs: targets = [] }) =>
      targets.map(({ targets: [address = ''], labels }) => [
        labels.process,
        Number(address.split(':')[1]),
      ]),
    )
    expect(Object.fromEntries(byName)).toEqual(PROCESS_PORTS)
    expect(Object.fromEntries(byAddress)).toEqual(PROCESS_PORTS)
  })
})

describe('Loki', () => {
  test('knows every key it is given, and refuses another', () => {
    expect(lokiConfig.safeParse(parse(read('loki/loki.yml'))).error).toBeUndefined()
    const broken = { ...(parse(read('loki/loki.yml')) as object), auth_enable: true }
    expect(lokiConfig.safeParse(broken).success).toBe(false)
  })
})

describe('Alloy', () => {
  test.each(['compose.alloy', 'kubernetes.alloy'])('%s hangs together', (name) => {
    expect(alloyFaults(read(`alloy/${name}`))).toEqual([])
  })

  test.each(['compose.alloy', 'kubernetes.alloy'])(
    '%s gives lines the labels that are asked for',
    (name) => {
      const [, labels = ''] =
        /stage\.labels \{\s*values = \{([^}]*)\}/.exec(read(`alloy/${name}`)) ?? []
      expect([...labels.matchAll(/"(\w+)" =/g)].map(([, label]) => label)).toEqual([
        ...STREAM_LABELS,
      ])
    },
  )

  test.each([
    [
      'a component that is not there',
      (text: string) => text.replace('loki.write "here"', 'loki.write "there"'),
    ],
    [
      'a component nobody has',
      (text: string) => text.replace('loki.write "here"', 'loki.wirte "here"'),
    ],
    ['a misspelt argument', (text: string) => text.replace('forward_to', 'forward_two')],
    ['an argument too few', (text: string) => text.replace(/targets +=.*\n/, '\n')],
    ['a brace too few', (text: string) => text.slice(0, text.lastIndexOf('}'))],
    [
      'an export that the component does not have',
      (text: string) => text.replace('containers.targets', 'containers.output'),
    ],
  ])('%s is noticed', (_, breakIt) => {
    const text = read('alloy/compose.alloy')
    expect(breakIt(text)).not.toBe(text)
    expect(alloyFaults(breakIt(text))).not.toEqual([])
  })
})

describe('Grafana', () => {
  test('is told nothing it does not know', () => {
    const sources = parse(read('grafana/provisioning/datasources/payflow.yml')) as unknown
    const providers = parse(read('grafana/provisioning/dashboards/payflow.yml')) as unknown
    expect(datasources.safeParse(sources).error).toBeUndefined()
    expect(dashboardProviders.safeParse(providers).error).toBeUndefined()
  })

  test('finds every dashboard', () => {
    for (const { uid } of DASHBOARDS) {
      expect(existsSync(join(root, `grafana/dashboards/${uid}.json`))).toBe(true)
    }
  })
})
