/*
 * Goal: the manifests are what Kubernetes and the operators know, and keep our rules.
 * Method: Kustomize renders them; TypeScript compares them with the schemas, so that a key nobody
 * knows is an error; then each rule on every overlay as it is. manifest-rules.test.ts breaks them.
 */
import { describe, expect, test } from 'vitest'
import { everywhere, inProduction } from '../src/manifests/index.ts'
import { modelOf, typeCheck } from '../src/manifests/type-check.ts'
import { rendered, variants } from './support/rendered.ts'

const all = Object.values(rendered).flat()

function changed(kind: string, breakIt: (spec: any) => void) {
  const copy = structuredClone(all.find((object) => object.kind === kind))
  breakIt(copy?.spec)
  return copy as (typeof all)[number]
}

// A compiler, and some hundred modules: seconds, on a machine that does much else.
describe('the schemas', { timeout: 60_000 }, () => {
  test('know every key of every object, and notice what they do not know', () => {
    const broken = [
      changed('CronJob', (spec) => (spec.concurencyPolicy = 'Forbid')),
      changed('CronJob', (spec) => (spec.concurrencyPolicy = 5)),
      changed('Deployment', (spec) => (spec.template.spec.containers[0].livenesProbe = {})),
      changed('ScaledObject', (spec) => (spec.triggers[0].value = '50')),
      changed('NetworkPolicy', (spec) => (spec.egres = [])),
      changed('Cluster', (spec) => (spec.postgresql.synchronous.durability = 'required')),
      changed('RabbitmqCluster', (spec) => (spec.replica = 3)),
      changed('PodMonitor', (spec) => (spec.endpoints = [])),
      changed('PrometheusRule', (spec) => (spec.groups[0].rules[0].fore = '1m')),
      changed('HTTPRoute', (spec) => (spec.rules[0].backends = [])),
    ]
    const complaints = typeCheck([...all, ...broken])
    const places = [...complaints.keys()].toSorted((a, b) => a - b)
    expect(places.map((at) => [all[at]?.kind, complaints.get(at)])).toHaveLength(broken.length)
    expect(places).toEqual(broken.map((_, at) => all.length + at))
  })

  test('accept every value, and notice what is missing or out of range', async () => {
    const objects = all.filter((object) => !modelOf(object).startsWith('.'))
    for (const object of objects) await validate(object)
    const broken = [
      changed('CronJob', (spec) => (spec.concurrencyPolicy = 'Sometimes')),
      changed('Deployment', (spec) => delete spec.selector),
      changed('ScaledObject', (spec) => delete spec.scaleTargetRef),
    ]
    for (const object of broken) await expect(validate(object)).rejects.toThrow(object.kind)
  })
})

/** @throws with the kind of the object, when its schema does not accept it. */
async function validate(object: (typeof all)[number]): Promise<void> {
  const models = (await import(modelOf(object))) as Record<
    string,
    new (data: unknown) => { validate(): void }
  >
  const Model = models[object.kind]
  if (Model === undefined) throw new Error(`${object.kind} has no schema`)
  try {
    new Model(object).validate()
  } catch (error) {
    throw new Error(`${object.kind} ${object.metadata.name}: ${String(error)}`, { cause: error })
  }
}

describe.each(Object.keys(variants))('%s', (name) => {
  const objects = rendered[name] ?? []
  const rules = { ...everywhere, ...(name.startsWith('production') ? inProduction : {}) }

  test.each(Object.entries(rules))('%s', (_, policy) => {
    expect(policy(objects)).toEqual([])
  })

  test('everything is in one namespace', () => {
    const elsewhere = objects.filter(
      ({ kind, metadata }) => kind !== 'Namespace' && metadata.namespace !== 'payflow',
    )
    expect(elsewhere.map(({ metadata }) => metadata.name)).toEqual([])
  })
})
