/*
 * The overlays as Kustomize renders them, and the components that an overlay may take besides.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { findKubectl } from '../../src/manifests/kubectl.ts'
import { render, type Manifest } from '../../src/manifests/objects.ts'

const k8s = resolve(import.meta.dirname, '../../../k8s')
const cache = resolve(import.meta.dirname, '../../../../../node_modules/.cache')

/** What is rendered: an overlay, and components it does not have by itself. */
export const variants: Readonly<Record<string, readonly string[]>> = {
  microk8s: [],
  'microk8s with observability': ['observability'],
  production: [],
  'production with linkerd': ['linkerd'],
  'production with gateway-api': ['gateway-api'],
}

const kubectl = findKubectl(join(cache, 'kubectl'))

/** The objects of each variant. */
export const rendered: Readonly<Record<string, readonly Manifest[]>> = Object.fromEntries(
  Object.entries(variants).map(([name, components]) => [name, renderWith(name, components)]),
)

function renderWith(name: string, components: readonly string[]): Manifest[] {
  const [overlay = ''] = name.split(' ')
  if (components.length === 0) return render(kubectl, join(k8s, 'overlays', overlay))
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'overlay-'))
  try {
    const path = (...parts: string[]) => relative(folder, join(k8s, ...parts))
    const lines = [
      'apiVersion: kustomize.config.k8s.io/v1beta1',
      'kind: Kustomization',
      'namespace: payflow',
      `resources: [${path('overlays', overlay)}]`,
      `components: [${components.map((one) => path('components', one)).join(', ')}]`,
    ]
    writeFileSync(join(folder, 'kustomization.yaml'), `${lines.join('\n')}\n`)
    return render(kubectl, folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
