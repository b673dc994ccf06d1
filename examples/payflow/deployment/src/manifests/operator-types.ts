/**
 * The objects of the two operators, as far as the manifests use them. npm has no types of theirs;
 * these follow the operators' own documentation. An unknown key is an error here too.
 */
interface Metadata {
  readonly name: string
  readonly namespace?: string
  readonly labels?: Readonly<Record<string, string>>
}

interface Resources {
  readonly requests: Readonly<Record<'cpu' | 'memory', string>>
  readonly limits: Readonly<Record<'cpu' | 'memory', string>>
}

/** https://cloudnative-pg.io/documentation/current/cloudnative-pg.v1/ */
export interface ICluster {
  readonly apiVersion: 'postgresql.cnpg.io/v1'
  readonly kind: 'Cluster'
  readonly metadata: Metadata
  readonly spec: {
    readonly instances: number
    readonly imageName: string
    readonly primaryUpdateStrategy: 'unsupervised' | 'supervised'
    readonly enableSuperuserAccess: boolean
    readonly superuserSecret: { readonly name: string }
    readonly postgresql: {
      readonly parameters: Readonly<Record<string, string>>
      readonly synchronous: {
        readonly method: 'any' | 'first'
        readonly number: number
        readonly dataDurability: 'required' | 'preferred'
      }
    }
    readonly storage: { readonly size: string; readonly storageClass?: string }
    readonly walStorage: { readonly size: string; readonly storageClass?: string }
    readonly resources: Resources
    readonly affinity: {
      readonly enablePodAntiAffinity: boolean
      readonly topologyKey: string
      readonly podAntiAffinityType: 'required' | 'preferred'
    }
    readonly inheritedMetadata: {
      readonly labels: Readonly<Record<string, string>>
      readonly annotations: Readonly<Record<string, string>>
    }
    readonly managed: {
      readonly services: {
        readonly additional: readonly {
          readonly selectorType: 'rw' | 'ro' | 'r'
          readonly serviceTemplate: {
            readonly metadata: { readonly name: string }
            readonly spec: { readonly type: 'ClusterIP' }
          }
        }[]
      }
    }
  }
}

/** https://www.rabbitmq.com/kubernetes/operator/using-operator */
export interface IRabbitmqCluster {
  readonly apiVersion: 'rabbitmq.com/v1beta1'
  readonly kind: 'RabbitmqCluster'
  readonly metadata: Metadata
  readonly spec: {
    readonly replicas: number
    readonly image: string
    readonly secretBackend: { readonly externalSecret: { readonly name: string } }
    readonly persistence: { readonly storage: string; readonly storageClassName?: string }
    readonly resources: Resources
    readonly rabbitmq: { readonly additionalConfig: string }
    readonly override: { readonly statefulSet: { readonly spec: { readonly template: object } } }
  }
}
