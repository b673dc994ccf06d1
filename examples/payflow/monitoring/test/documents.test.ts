/*
 * Goal: who is woken by an alert finds what to do, and what the documents say of alerts and logs is so.
 * Method: the table of alerts is the one that the rules make; each alert has a runbook with its three
 * parts; what runbooks tell to run and to read exists; queries of the log are parsed. Their SQL is run
 * in alerts.e2e.test.ts.
 */
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ALERTS, CERTIFICATE } from '../src/alerts/index.ts'
import { withAlertsTable } from '../src/documents.ts'
import { logqlFaults } from '../src/faults.ts'
import { PROVOCATIONS } from '../src/provocations.ts'
import { runbookOf, RUNBOOKS } from '../src/rules.ts'
import { runbooks } from './support/runbooks.ts'

const root = join(import.meta.dirname, '../../../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const monitoring = read('docs/monitoring.md')
const parts = runbooks(read('docs/operating.md'))

describe('docs/monitoring.md', () => {
  test('has the table of alerts that the rules make', () => {
    expect(monitoring).toBe(withAlertsTable(monitoring))
  })

  test('says of each alert how it was provoked', () => {
    expect(Object.keys(PROVOCATIONS)).toEqual(ALERTS.map(({ name }) => name))
  })

  test('asks the log for what is in it', () => {
    const queries = [...monitoring.matchAll(/^```logql\n([\s\S]*?)^```/gm)].map(
      ([, one = '']) => one,
    )
    expect(queries.length).toBeGreaterThan(4)
    expect(queries.flatMap((query) => logqlFaults(query.trim()))).toEqual([])
  })

  test('names the images and ports of the Compose file', () => {
    const compose = read('docker-compose.yml')
    const images = [...monitoring.matchAll(/\b(?:grafana|prom)\/[a-z]+:v?[\d.]+\d/g)].map(
      ([one]) => one,
    )
    expect(images.length).toBeGreaterThan(1)
    expect(images.filter((image) => !compose.includes(`image: ${image}\n`))).toEqual([])
    for (const [, port = ''] of monitoring.matchAll(/http:\/\/localhost:(\d+)/g)) {
      expect(compose).toContain(`127.0.0.1:${port}:${port}`)
    }
  })
})

describe('docs/operating.md', () => {
  test('has a runbook for each alert, in their order, and for no other', () => {
    expect([...parts.keys()]).toEqual(ALERTS.map(({ name }) => name))
    for (const alert of ALERTS)
      expect(runbookOf(alert)).toBe(`${RUNBOOKS}#${alert.name.toLowerCase()}`)
  })

  test('is what alerts lead to, under an address that a message can make a link of', () => {
    const { protocol, pathname, hash, search } = new URL(RUNBOOKS)
    expect([protocol, hash, search]).toEqual(['https:', '', ''])
    // Not a path of this repository, which leads nowhere from a telephone.
    expect(basename(pathname)).toBe('operating.md')
    const headings = [...read('docs/operating.md').matchAll(/^### (\w+)$/gm)].map(([, one]) => one)
    for (const alert of ALERTS) {
      const anchor = new URL(runbookOf(alert)).hash.slice(1)
      expect(headings.filter((one) => one?.toLowerCase() === anchor)).toEqual([alert.name])
    }
  })

  test('and alerts mean the certificate that the Ingress has', () => {
    const overlay = read('examples/payflow/k8s/overlays/production/kustomization.yaml')
    expect(overlay).toContain(`secretName: ${CERTIFICATE} `)
  })

  test.each(ALERTS.map(({ name }) => name))(
    'says of %s what it means for money, where to look, what to do',
    (name) => {
      const { money = '', look = '', action = '' } = parts.get(name) ?? {}
      for (const text of [money, look, action]) expect(text.length).toBeGreaterThan(15)
    },
  )

  test('names commands that there are', () => {
    const text = [...parts.values()].flatMap((part) => Object.values(part)).join('\n')
    const named = [...text.matchAll(/npm run (?:-s )?payflow -- (\w+)/g)].map(([, one]) => one)
    const known = ['queue', 'parked', 'redrive', 'payment', 'verify']
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter((one) => !known.includes(one ?? ''))).toEqual([])
    const scripts = (JSON.parse(read('package.json')) as { scripts: object }).scripts
    for (const [, script = ''] of text.matchAll(/npm run (?:-s )?([\w-]+)/g)) {
      expect(Object.keys(scripts)).toContain(script)
    }
  })
})
