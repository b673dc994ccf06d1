import { LogOut, MonitorSmartphone, ShieldAlert, ShieldCheck } from 'lucide-react'
import { useId, useState } from 'react'
import type { ReactNode } from 'react'
import { toast } from 'sonner'
import type { ActivityView, LoginSessionView } from '@payflow-app/contracts'
import { session } from '../api/browser-session.ts'
import { problemText } from '../api/problem.ts'
import { activityText, isAlarming } from '../account-words.ts'
import { AuthForm, NewPasswordField } from '../components/auth-form.tsx'
import { Button } from '../components/button.tsx'
import { FormError, LoadError, SkeletonRows } from '../components/feedback.tsx'
import { Field } from '../components/field.tsx'
import { PageHeading } from '../components/page-heading.tsx'
import {
  useActivity,
  useChangePassword,
  useEndSession,
  useLoginSessions,
} from '../hooks/account-queries.ts'
import { useWallet } from '../hooks/use-wallet.ts'
import { fullTime, shortTime } from '../time.ts'

export function SecurityPage() {
  return (
    <div className='mx-auto max-w-2xl space-y-6'>
      <PageHeading title='Security' />
      <ChangePassword />
      <Sessions />
      <Activity />
    </div>
  )
}

function Section(props: {
  readonly title: string
  readonly action?: ReactNode
  readonly children: ReactNode
}) {
  const id = useId()
  return (
    <section aria-labelledby={id} className='card overflow-hidden'>
      <div className='flex min-h-14 flex-wrap items-center justify-between gap-2 border-b border-line px-4 py-3 sm:px-5'>
        <h2 id={id} className='font-semibold'>
          {props.title}
        </h2>
        {props.action}
      </div>
      {props.children}
    </section>
  )
}

function ChangePassword() {
  const change = useChangePassword()
  const { user } = useWallet()
  return (
    <Section title='Change your password'>
      <div className='px-4 py-4 sm:px-5'>
        <AuthForm
          action='Change the password'
          send={async ({ currentPassword = '', newPassword = '' }) => {
            await change.mutateAsync({ currentPassword, newPassword })
            toast.success('Your password is changed.', {
              description: 'You stay logged in here, and nowhere else.',
            })
          }}
        >
          {(fault) => (
            <>
              {/* Password managers look for whom the password is. */}
              <input type='hidden' autoComplete='username' value={user.email} readOnly />
              <Field
                label='Current password'
                name='currentPassword'
                type='password'
                autoComplete='current-password'
                required
                error={fault['currentPassword']}
              />
              <NewPasswordField
                label='New password'
                name='newPassword'
                error={fault['newPassword']}
              />
            </>
          )}
        </AuthForm>
      </div>
    </Section>
  )
}

function Sessions() {
  const sessions = useLoginSessions()
  const end = useEndSession()
  return (
    <Section title='Where you are logged in' action={<LogOutEverywhere />}>
      {end.isError && (
        <div className='p-4'>
          <FormError>{problemText(end.error)}</FormError>
        </div>
      )}
      {sessions.isPending && <SkeletonRows rows={2} />}
      {sessions.data === undefined && sessions.isError && (
        <LoadError error={sessions.error} onRetry={() => void sessions.refetch()} />
      )}
      <ul className='divide-y divide-line'>
        {sessions.data?.items.map((one) => (
          <SessionRow
            key={one.id}
            session={one}
            busy={end.isPending && end.variables === one.id}
            onEnd={() => end.mutate(one.id)}
          />
        ))}
      </ul>
    </Section>
  )
}

function SessionRow(props: {
  readonly session: LoginSessionView
  readonly busy: boolean
  readonly onEnd: () => void
}) {
  const { client, createdAt, lastUsedAt, current } = props.session
  const now = new Date()
  return (
    <li className='flex items-center gap-3 px-4 py-3.5 sm:px-5'>
      <span className='grid size-10 shrink-0 place-items-center rounded-full bg-sunken text-soft'>
        <MonitorSmartphone aria-hidden='true' className='size-5' />
      </span>
      <div className='min-w-0 flex-1'>
        <p className='font-medium'>
          {client}
          {current && (
            <span className='ml-2 rounded-full bg-good-tint px-2 py-0.5 text-xs font-semibold text-good'>
              This one
            </span>
          )}
        </p>
        <p className='mt-0.5 text-sm text-soft'>
          Since <Moment at={createdAt} now={now} />, last seen <Moment at={lastUsedAt} now={now} />
        </p>
      </div>
      {!current && (
        <Button
          variant='quiet'
          busy={props.busy}
          aria-label={`Log out ${client}, since ${fullTime(createdAt)}`}
          onClick={props.onEnd}
        >
          Log out
        </Button>
      )}
    </li>
  )
}

function Moment({ at, now }: { readonly at: string; readonly now: Date }) {
  return (
    <time dateTime={at} title={fullTime(at)}>
      {shortTime(at, now)}
    </time>
  )
}

function LogOutEverywhere() {
  const { user } = useWallet()
  const [busy, setBusy] = useState(false)
  async function logOut(): Promise<void> {
    setBusy(true)
    try {
      await session.logoutEverywhere(user.id)
    } catch (error) {
      setBusy(false)
      toast.error('You are still logged in.', { description: problemText(error) })
    }
  }
  return (
    <Button
      variant='danger'
      busy={busy}
      icon={<LogOut aria-hidden='true' className='size-4' />}
      onClick={() => void logOut()}
    >
      Log out everywhere
    </Button>
  )
}

function Activity() {
  const activity = useActivity()
  const items = activity.data?.pages.flatMap((page) => page.items) ?? []
  return (
    <Section title='What happened lately'>
      {activity.isPending && <SkeletonRows rows={4} />}
      {activity.data === undefined && activity.isError && (
        <LoadError error={activity.error} onRetry={() => void activity.refetch()} />
      )}
      <ul className='divide-y divide-line'>
        {items.map((one) => (
          <ActivityRow key={one.id} activity={one} />
        ))}
      </ul>
      {activity.hasNextPage && (
        <div className='border-t border-line p-3 text-center'>
          <Button
            variant='plain'
            busy={activity.isFetchingNextPage}
            onClick={() => void activity.fetchNextPage()}
          >
            Show older
          </Button>
        </div>
      )}
    </Section>
  )
}

function ActivityRow({ activity }: { readonly activity: ActivityView }) {
  const isAlarm = isAlarming(activity.type)
  const Icon = isAlarm ? ShieldAlert : ShieldCheck
  const look = isAlarm ? 'bg-bad-tint text-bad' : 'bg-sunken text-soft'
  return (
    <li className='flex items-start gap-3 px-4 py-3 sm:px-5'>
      <span className={`grid size-9 shrink-0 place-items-center rounded-full ${look}`}>
        <Icon aria-hidden='true' className='size-4' />
      </span>
      <div className='min-w-0 flex-1'>
        <p>{activityText(activity.type)}</p>
        <p className='mt-0.5 text-sm text-soft'>
          <Moment at={activity.at} now={new Date()} />
          {` · ${activity.client}`}
        </p>
      </div>
    </li>
  )
}
