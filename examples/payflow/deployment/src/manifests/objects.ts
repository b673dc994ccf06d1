import { execFileSync } from 'node:child_process'
import { parseAllDocuments } from 'yaml'

/** Any object of Kubernetes. What is in it is checked by the schemas, so the rules look freely. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly spec?: any
  readonly data?: Readonly<Record<string, string>>
}

/** Renders a folder with Kustomize. */
export function render(kubectl: string, folder: string): Manifest[] {
  return parseManifests(
    execFileSync(kubectl, ['kustomize', folder], { encoding: 'utf8', maxBuffer: 64 * 1024 ** 2 }),
  )
}

/** The objects of a YAML stream. */
export function parseManifests(yaml: string): Manifest[] {
  return parseAllDocuments(yaml).map((document) => {
    const [error] = document.errors
    if (error !== undefined) throw error
    return document.toJS() as Manifest
  })
}

/** The pods an object makes, and how many at most. */
export interface Workload {
  readonly kind: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly pod: any
}

/** What runs pods: Deployments, StatefulSets, Jobs and CronJobs. */
export function workloadsOf(objects: readonly Manifest[]): Workload[] {
  return objects.flatMap(({ kind, metadata: { name }, spec }) => {
    const holder = kind === 'CronJob' ? spec.jobTemplate.spec : spec
    const template = ['Deployment', 'StatefulSet', 'Job', 'CronJob'].includes(kind)
      ? holder.template
      : undefined
    if (template === undefined) return []
    return [{ kind, name, labels: template.metadata?.labels ?? {}, pod: template.spec }]
  })
}

export function ofKind(objects: readonly Manifest[], ...kinds: readonly string[]): Manifest[] {
  return objects.filter(({ kind }) => kinds.includes(kind))
}

/** A selector of Kubernetes, as far as the manifests use one. */
interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>
  readonly matchExpressions?: readonly {
    readonly key: string
    readonly operator: 'In' | 'NotIn'
    readonly values: readonly string[]
  }[]
}

/** Whether labels have what a selector asks for; `{}` matches all. */
export function matches(
  { matchLabels = {}, matchExpressions = [] }: Selector = {},
  labels: Readonly<Record<string, string>>,
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(
      ({ key, operator, values }) => values.includes(labels[key] ?? '') === (operator === 'In'),
    )
  )
}
