/*
 * Goal: what docs/monitoring.md tells to do in a cluster does it.
 * Method: Kustomize applies the patch of the document to the overlay `production`, as an overlay that
 * appends it to its own does.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { findKubectl } from '../src/manifests/kubectl.ts'
import { render, type Manifest } from '../src/manifests/objects.ts'

const root = resolve(import.meta.dirname, '../../../..')
const cache = join(root, 'node_modules/.cache')
const text = readFileSync(join(root, 'docs/monitoring.md'), 'utf8')

function productionWith(patches: unknown): Manifest[] {
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'overlay-'))
  try {
    const overlay = join(root, 'examples/payflow/k8s/overlays/production')
    const kustomization = {
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      resources: [relative(folder, overlay)],
      patches,
    }
    writeFileSync(join(folder, 'kustomization.yaml'), stringify(kustomization))
    return render(findKubectl(join(cache, 'kubectl')), folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test('the patch gives all that the operator selects the label of its release, and nothing else', () => {
  const [, patch = ''] =
    /<!-- release: [^>]*-->\s*```yaml\n([\s\S]*?)```\s*<!-- end: release -->/.exec(text) ?? []
  const all = productionWith(parse(patch))
  const labelled = all.filter(({ metadata }) => metadata.labels?.['release'] !== undefined)
  const selected = all.filter(({ apiVersion }) => apiVersion.startsWith('monitoring.coreos.com/'))
  expect(labelled).toEqual(selected)
  expect(new Set(selected.map(({ kind }) => kind))).toEqual(
    new Set(['PodMonitor', 'PrometheusRule']),
  )
})
