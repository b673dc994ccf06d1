import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Manifest } from './objects.ts'

/** Beside this package's dependencies, so that the generated file finds them; in no way of git. */
const FOLDER = join(import.meta.dirname, '../../node_modules/.cache/manifests')

const MODELS: Readonly<Record<string, string>> = {
  'keda.sh': '@kubernetes-models/keda',
  'gateway.networking.k8s.io': '@kubernetes-models/gateway-api',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
}

const OPERATORS = ['postgresql.cnpg.io', 'rabbitmq.com']

/** The module that describes a kind of object: its type, and for all but the operators a validator. */
export function modelOf({ apiVersion, kind }: Pick<Manifest, 'apiVersion' | 'kind'>): string {
  const [group = ''] = apiVersion.split('/')
  if (OPERATORS.includes(group)) return '../../../src/manifests/operator-types.ts'
  return `${MODELS[group] ?? 'kubernetes-models'}/${apiVersion}/${kind}`
}

/**
 * Has TypeScript compare objects with the schemas of Kubernetes and of what extends it. An object
 * literal may have no key that its type does not have, which is what the API server's own validation
 * lets pass. Returns the complaints of each object, by its place.
 */
export function typeCheck(objects: readonly Manifest[]): Map<number, string[]> {
  mkdirSync(FOLDER, { recursive: true })
  const file = join(FOLDER, 'objects.ts')
  // One line an object: the line of a complaint says whose it is.
  const lines = objects.map((object, at) => {
    const type = `import(${JSON.stringify(modelOf(object))}).I${object.kind}`
    return `export const object${at}: ${type} = ${JSON.stringify(object)}`
  })
  writeFileSync(file, `${lines.join('\n')}\n`)
  writeFileSync(join(FOLDER, 'package.json'), '{ "type": "module" }\n')
  const settings = {
    compilerOptions: {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      module: 'nodenext',
      target: 'esnext',
      types: [],
      allowImportingTsExtensions: true,
    },
    files: ['objects.ts'],
  }
  writeFileSync(join(FOLDER, 'tsconfig.json'), JSON.stringify(settings))
  const { stdout } = spawnSync(process.execPath, [compiler(), '-p', FOLDER], { encoding: 'utf8' })
  const complaints = new Map<number, string[]>()
  for (const [, line = '', message = ''] of stdout.matchAll(/objects\.ts\((\d+),\d+\): (.*)/g)) {
    const at = Number(line) - 1
    complaints.set(at, [...(complaints.get(at) ?? []), message])
  }
  return complaints
}

function compiler(): string {
  const manifest = createRequire(import.meta.url).resolve('@typescript/native/package.json')
  return join(dirname(manifest), 'bin/tsc')
}
