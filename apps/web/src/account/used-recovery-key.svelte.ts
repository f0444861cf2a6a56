/** The recovery key that was just used to log in, kept in memory until the new password is set. */
class UsedRecoveryKey {
  text: string | null = $state(null);
}

export const usedRecoveryKey = new UsedRecoveryKey();
