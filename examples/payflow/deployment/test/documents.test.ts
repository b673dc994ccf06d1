/*
 * Goal: what the documents about deployment say in figures, names and paths is so.
 * Method: the tables are read and each cell is looked up or computed: benchmark results, the quota's
 * arithmetic, exit codes; divisions are divided; paths in commands must exist.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { QUEUE_BANDS } from '@payflow-app/contracts'
import { exitCodes } from '@payflow/reversal/cli'
import { describe, expect, test } from 'vitest'
import { ofKind } from '../src/manifests/objects.ts'
import { needsOf, quantity, type Needs } from '../src/manifests/resources.ts'
import { connectionsNeeded } from '../src/manifests/scale-policies.ts'
import { kubernetesSecrets, makeSecretFiles } from '../src/index.ts'
import { rendered } from './support/rendered.ts'

const root = resolve(import.meta.dirname, '../../../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const scaling = read('docs/scaling.md')
const microk8s = read('docs/microk8s-deployment.md')
const operating = read('docs/operating.md')

/** The rows of the table between two marks, without its head. */
function tableOf(text: string, mark: string): string[][] {
  const [, after = ''] = text.split(new RegExp(`<!-- ${mark}[^>]*-->`))
  const [table = ''] = after.split('<!-- end')
  const rows = table.split('\n').filter((line) => line.startsWith('|'))
  return rows.slice(2).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

const withCommas = (value: number) => value.toLocaleString('en-US')
const quotaOf = (name: string) =>
  Object.fromEntries(
    Object.entries(ofKind(rendered[name] ?? [], 'ResourceQuota')[0]?.spec.hard ?? {}).map(
      ([resource, amount]) => [resource, quantity(String(amount))],
    ),
  ) as Needs

describe('docs/scaling.md', () => {
  test.each(tableOf(scaling, 'figures'))('%s: %s a second', (_, figure, file, row) => {
    const { rows } = JSON.parse(read(`bench/results/${file}`)) as {
      rows: readonly { case: string; median: number }[]
    }
    const found = rows.filter((one) => one.case === row)
    expect(found).toHaveLength(1)
    expect(figure).toBe(withCommas(found[0]?.median ?? 0))
  })

  test('adds up what the manifests need, and names the quota', () => {
    const cells = (name: string, needs: Needs) => [
      name,
      String(needs['requests.cpu']),
      `${(needs['requests.memory'] / 1024 ** 3).toFixed(1)} GiB`,
      String(needs['limits.cpu']),
      `${(needs['limits.memory'] / 1024 ** 3).toFixed(1)} GiB`,
      String(needs.pods),
    ]
    expect(tableOf(scaling, 'quota')).toEqual(
      ['microk8s', 'production'].flatMap((name) => [
        cells(`${name}, needed`, needsOf(rendered[name] ?? [])),
        cells(`${name}, quota`, quotaOf(name)),
      ]),
    )
  })

  test('counts the connections', () => {
    const [production, one] = ['production', 'microk8s'].map((name) =>
      connectionsNeeded(rendered[name] ?? []),
    )
    expect(scaling).toContain(`that is ${production} for PostgreSQL's`)
    expect(scaling).toContain(`in production, and ${one} of 250`)
  })

  test('divides as it says', () => {
    const divisions = [...scaling.matchAll(/([\d,]+) ÷ ([\d,]+) = (\d+(?:\.\d+)?)/g)]
    expect(divisions.length).toBeGreaterThan(4)
    const number = (text = '') => Number(text.replaceAll(',', ''))
    for (const [all, above, below, result = ''] of divisions) {
      const decimals = result.split('.')[1]?.length ?? 0
      expect([all, (number(above) / number(below)).toFixed(decimals)]).toEqual([all, result])
    }
  })

  test('scales the worker by the band that everything else has', () => {
    expect(scaling).toContain(`one for every ${QUEUE_BANDS.fineMax} messages that wait`)
    expect(operating).toContain(`(up to ${QUEUE_BANDS.fineMax} wait)`)
  })
})

describe('docs/operating.md', () => {
  test('has every exit code of the reversal', () => {
    const codes = tableOf(operating, 'exit codes').map(([code]) => Number(code))
    expect(codes).toEqual(Object.values(exitCodes))
  })
})

describe('docs/microk8s-deployment.md', () => {
  test('names paths that exist', () => {
    const paths = [...`${microk8s}${operating}`.matchAll(/examples\/payflow\/k8s\/[\w./-]+/g)]
    expect(paths.length).toBeGreaterThan(3)
    expect(paths.map(([path]) => path).filter((path) => !existsSync(join(root, path)))).toEqual([])
    const folders = [...microk8s.matchAll(/^\| `((?:base|components|overlays)[\w/-]*)` \|/gm)]
    const named = folders.map(([, folder = '']) => folder)
    expect(named.length).toBeGreaterThan(8)
    expect(
      named.filter((folder) => !existsSync(join(root, 'examples/payflow/k8s', folder))),
    ).toEqual([])
  })

  test('builds every image that the manifests run', () => {
    const [, list = ''] = /for service in ([^;]+); do/.exec(microk8s) ?? []
    const built = list.split(' ').map((service) => service.split('/').at(-1))
    const run = JSON.stringify(rendered['microk8s']).matchAll(/localhost:32000\/payflow\/(\w+):/g)
    expect(new Set(built)).toEqual(new Set([...run].map(([, name]) => name)))
  })

  test('turns on what the autoscalers ask', () => {
    expect(ofKind(rendered['microk8s'] ?? [], 'HorizontalPodAutoscaler')).not.toEqual([])
    expect(microk8s).toMatch(/^sudo microk8s enable .*\bmetrics-server\b/m)
  })

  test('says how long a start may take', () => {
    const gateway = ofKind(rendered['microk8s'] ?? [], 'Deployment')[0]!
    const { startupProbe } = gateway.spec.template.spec.containers[0]
    const { periodSeconds, failureThreshold } = startupProbe
    expect(periodSeconds * failureThreshold).toBe(5 * 60)
    expect(microk8s).toContain('*Started* has five minutes')
  })

  test('tells an open port from one that is not there, where it looks for policies', async () => {
    const [, script = ''] = /exec deploy\/gateway -- node -e "([^"]+)"/.exec(microk8s) ?? []
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const here = script.replace("5432,'postgres'", `${port},'127.0.0.1'`)
    expect(here).not.toBe(script)
    const exitCode = async () => (await once(spawn(process.execPath, ['-e', here]), 'exit'))[0]
    expect(await exitCode()).toBe(1)
    server.close()
    await once(server, 'close')
    expect(await exitCode()).toBe(2)
  })

  test('names every Secret', () => {
    const made = kubernetesSecrets({ ...makeSecretFiles(), 'smtp-url': 'smtp://x' })
    for (const { metadata } of made) {
      expect(microk8s).toContain(`\`${metadata.name.replace(/^database-(?!auth)/, '-')}\``)
    }
  })
})
