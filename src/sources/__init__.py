"""Where images come from: public sets, a user's folder, rendered hands; finding them and reading one."""
