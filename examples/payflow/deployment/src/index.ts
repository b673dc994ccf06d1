/**
 * The Dockerfile, the Compose file and the Kubernetes manifests as data, and what must hold of them.
 *
 * @packageDocumentation
 */
export {
  kubernetesSecrets,
  loadSecretFiles,
  makeSecretFiles,
  secretsYaml,
  type KubernetesSecret,
  type SecretFiles,
} from './secrets.ts'
